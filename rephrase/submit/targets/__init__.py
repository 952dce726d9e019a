"""What each kind of cluster wants to be told."""
