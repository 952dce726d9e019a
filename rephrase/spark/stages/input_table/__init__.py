"""A table of a lakehouse as input: which files hold its rows at one version, or a copy of these rows where no file does."""
