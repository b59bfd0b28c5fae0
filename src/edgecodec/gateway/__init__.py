"""From packets on MQTT to windows in Parquet."""
