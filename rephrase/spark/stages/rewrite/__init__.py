"""The rewrite stage: documents to generations."""
