"""What all typed settings are made of: sections, their validation, and the kinds that are found by name."""
