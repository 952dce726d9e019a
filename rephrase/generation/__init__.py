"""Rows to prompts to an engine to rows of the generations table. Free of Spark."""
