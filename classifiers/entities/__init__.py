"""Personal data that no pattern finds, names above all, by models of entity recognition."""
