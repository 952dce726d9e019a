"""The mix stage: originals and kept generations to the mixture."""
