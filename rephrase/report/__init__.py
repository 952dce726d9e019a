"""A run told to people: its figures, a page that holds all of them with a sample of its rows, and several runs side by side."""
