"""From packets on MQTT or Kafka to windows in Parquet."""
