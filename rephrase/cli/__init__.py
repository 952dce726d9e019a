"""The command `rephrase`: the options of its commands, and what they print."""
