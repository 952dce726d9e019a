"""run.yaml: the sections of a run put together, read from a file, and edited in place."""
