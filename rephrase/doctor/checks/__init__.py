"""The checks, a file for each thing that a run needs."""
