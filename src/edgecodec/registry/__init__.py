"""Runs, gates, bundles and versions in MLflow."""
