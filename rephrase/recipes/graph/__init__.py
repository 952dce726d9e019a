"""The documents of a corpus as a graph: paths over names that they share, and questions that need each document of a path."""
