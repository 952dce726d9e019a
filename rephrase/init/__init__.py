"""A run.yaml to begin with: one of a few goals, filled from the files and the machine that are there."""
