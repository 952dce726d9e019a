"""Near duplicates of a table: a text goes where a verified similar text that stands before it stays."""
