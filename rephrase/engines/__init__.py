"""Engines turn requests into completions: a vLLM server of our own, any OpenAI-compatible endpoint, or a recording."""
