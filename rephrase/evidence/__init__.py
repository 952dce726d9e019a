"""What a mixture is worth, found by experiment: swarms of small mixtures, proxy models trained on them, and a fit that proposes shares."""
