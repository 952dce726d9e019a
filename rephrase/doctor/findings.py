"""What a check finds: all well, something to know, or what would stop the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rephrase.errors import UserError

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination, and for what is not well its cure."""

    check: str
    """The name of the check: `model`, `disk`."""
    status: Status
    text: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look at one thing gave. A fault is no outcome but a `UserError`."""

    text: str
    warning: bool = False
    cure: str = ""

    def finding(self, check: str) -> Finding:
        """The same as the finding of a check."""
        return Finding(check, "warn" if self.warning else "ok", self.text, self.cure)


def failure(check: str, error: UserError) -> Finding:
    """The finding that an error makes."""
    text = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(check, "fail", " ".join(text.split()), " ".join(error.cure.split()))
