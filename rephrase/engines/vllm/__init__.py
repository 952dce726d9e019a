"""A vLLM server of our own on each executor: tasks find or start it, and a watchdog beside it ends it with its executor."""
