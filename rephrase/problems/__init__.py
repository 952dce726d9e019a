"""Problems that come with their answers, made by rule: what a model answers can be checked."""
