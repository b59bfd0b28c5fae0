"""EdgeCodec: neural compression of sensor arrays, from raw recordings to verified firmware."""
