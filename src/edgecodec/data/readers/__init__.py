"""Readers: one module per kind of file, and the table of kinds (:mod:`edgecodec.data.readers.kinds`)."""
