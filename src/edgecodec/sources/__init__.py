"""Which files of the project a stage runs or reads, and a fingerprint of their code."""
