"""Which texts a mixture takes, how much of each, and what it says of itself. Free of Spark."""
