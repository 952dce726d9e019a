"""Recipes: published ways to make training text out of text. One-prompt recipes are YAML, flows of several steps are Python."""
