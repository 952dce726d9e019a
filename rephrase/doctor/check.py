"""What a check is, and how all of them are made side by side, none for longer than its time."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rephrase.doctor.findings import Finding, Outcome, failure
from rephrase.doctor.site import Site
from rephrase.errors import UserError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a run may need. It looks at each of its subjects; without any it does not apply, and nothing is told of it."""

    name: str
    subjects: Callable[[Site], Sequence[Any]]
    """What there is to look at: models, folders, addresses."""
    examine: Callable[[Any, Site], Outcome]
    """A look at one of them. Raises `UserError` for what would stop the run. Nothing that it does may need to be waited for."""
    hangs: str = "look at the network between this machine and what was asked"
    """The cure where a look does not end."""
    takes: float = 1.0
    """How much longer than others it may take: importing vLLM is no question of seconds."""
    imports: tuple[str, ...] = ()
    """Modules that it is going to import: two threads at once would each see half of a library that imports in circles."""


def run_checks(checks: Sequence[Check], site: Site) -> list[Finding]:
    """The findings of all checks that apply, in their order. A look that does not end within the site's seconds is a fault."""
    subjects = [(check, _subjects(check, site)) for check in checks]
    for module in dict.fromkeys(module for check, there in subjects if there for module in check.imports):
        with contextlib.suppress(Exception):  # one that is missing is told by the look that needs it
            importlib.import_module(module)
    looks = [one if isinstance(one, Finding) else _Look(check, one, site) for check, there in subjects for one in there]
    return [look if isinstance(look, Finding) else look.finding() for look in looks]


def _subjects(check: Check, site: Site) -> Sequence[Any]:
    """What a check looks at; a finding where even that cannot be told."""
    try:
        return check.subjects(site)
    except UserError:  # a recipe file or a folder that is not there is told by the check that looks at it
        return []
    except Exception as error:  # noqa: BLE001  # as in a look
        return [_fault(check.name, error)]


def _fault(check: str, error: Exception) -> Finding:
    """Whatever a library raises over what it is given is a fault of that."""
    return Finding(check, "fail", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


class _Look:
    """A look at one subject, in a thread of its own, which is left behind where it does not end."""

    def __init__(self, check: Check, subject: Any, site: Site) -> None:
        self._check, self._subject, self._site = check, subject, site
        self._seconds = site.seconds * check.takes
        self._finding: Finding | None = None
        self._deadline = time.monotonic() + self._seconds
        self._thread = threading.Thread(target=self._examine, daemon=True)
        self._thread.start()

    def _examine(self) -> None:
        name = self._check.name
        try:
            self._finding = self._check.examine(self._subject, self._site).finding(name)
        except UserError as error:
            self._finding = failure(name, error)
        except Exception as error:  # noqa: BLE001  # a fault is told, and ends no other look
            self._finding = _fault(name, error)

    def finding(self) -> Finding:
        """What came of it, waited for until its time is over."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if self._finding is not None:
            return self._finding
        subject = f"{self._subject}: " if isinstance(self._subject, str) else ""
        return Finding(self._check.name, "fail", f"{subject}no answer within {self._seconds:g} s", self._check.hangs)
