"""Text as units of work: tokens, sentences, passages."""
