"""The Spark side: stages over a runtime."""
