"""The command `rephrase`: a file a command, with its options and what it prints."""
