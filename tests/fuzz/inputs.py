"""What inputs are made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

Target = Callable[[random.Random], None]

TOKENIZER = str(Path(__file__).parents[2] / "examples" / "tokenizer.json")
PROSE = "The keeper of the lighthouse counted 12 ships every evening, and wrote their number into a blue book. " * 4
