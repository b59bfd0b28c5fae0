"""From a trained codec to verified C: float16 export, NumPy oracle, memory plan, C sources, packets."""
