"""The shard stage: raw web files to the documents table."""
