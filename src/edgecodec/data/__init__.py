"""Recordings: where they come from, whether they are sound, how they become windows."""
