"""Folders of the repository that tests read, wherever a test stands."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
STAND_IN = ROOT / "tests" / "stand_in"
