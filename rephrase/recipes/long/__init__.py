"""Recipes whose training text is long: of several rewrites, of a document with questions on it, or of a document with its summaries."""
