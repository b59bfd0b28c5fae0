"""Codecs that EdgeCodec must beat, each at its best: on the same windows, in the same bits."""
