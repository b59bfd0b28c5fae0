"""EdgeCodec: neural compression of sensor arrays, from raw recordings to verified firmware."""

__version__ = "0.1.0"
