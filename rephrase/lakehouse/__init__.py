"""Tables of a run in a lakehouse: Iceberg, Delta and Hive take over the run's Parquet as it lies there."""
