"""Verifiers: say of a candidate answer whether it is right."""
