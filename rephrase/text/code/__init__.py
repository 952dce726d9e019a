"""Texts that are programs: which language they are in, their syntax, and where they can be cut."""
