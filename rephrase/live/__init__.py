"""What is told while a stage works: figures of a moment, their sums, and the words for them."""
