"""Files that training frameworks load as they are: a module for each format, free of Spark."""
