"""A translation beside its source: lengths, numbers, languages, and what must stay as it is."""
