"""From a trained codec to C: float16 export, NumPy oracle, memory plan, C sources."""
