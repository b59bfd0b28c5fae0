"""How a codec learns: losses, schedule, loop."""
