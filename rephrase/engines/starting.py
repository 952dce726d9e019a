"""What engines tell while they start, which may take minutes: a logger whose lines a stage's driver shows, and others see on stderr."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)
"""Each warning is one line for the user: what starts, what it is at, for how long."""
