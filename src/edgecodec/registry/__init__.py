"""From measured artifacts to a registered model: one MLflow run per pipeline state, gates, bundle, versions."""

import os

# MLflow reads these when it is imported. It stays silent towards its makers, and a server that is down is reported
# after seconds instead of its default of several minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
