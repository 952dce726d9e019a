"""What judges text: fastText models (trained and applied here) and the cascade of checks of the filter stage."""
