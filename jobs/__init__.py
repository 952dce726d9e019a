"""The Spark side: one file a stage, and the `rephrase` command."""
