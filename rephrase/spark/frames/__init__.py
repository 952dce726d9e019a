"""The pipeline's work on Spark DataFrames of the user's own: Iceberg, Delta, or anything else that Spark reads."""
