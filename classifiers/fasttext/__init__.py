"""fastText classifiers: labels, training, measures, calibration, cards, and scores."""
