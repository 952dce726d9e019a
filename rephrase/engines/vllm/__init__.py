"""A vLLM server of our own on each executor: found, started, watched, and ended with its executor."""
