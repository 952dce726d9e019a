"""The kinds of parsers, by what they make of a completion."""
