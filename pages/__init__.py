"""The figures in README.md and docs/: made from docs/figures, a snapshot of results that were committed on purpose."""
