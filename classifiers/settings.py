"""The sections `filter:` and `screen:` of a run: which checks judge its rewrites and its documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import field_validator, model_validator

from classifiers.check_lists import Checks, ChecksOfDocuments
from classifiers.configured import refuse_crossed
from rephrase.recipes.naming import ORIGINAL
from rephrase.settings.faults import fault
from rephrase.settings.labels import TextLabel, check_names
from rephrase.settings.section import Section
from rephrase.settings.validation import validate


class Filter(Section):
    """The checks, in the order that decides the verdict. Each is a name, or a name with its settings."""

    checks: Checks | None = None
    """Default: see classifiers/defaults.yaml, with its settings per recipe family."""
    labels: dict[str, TextLabel] = {}
    """Labels of the rewrites' own texts, by name, for components and reports. Others are those of the documents."""

    @model_validator(mode="after")
    def _named_labels(self) -> Self:
        check_names(self.labels, "labels")
        return self

    @property
    def kinds(self) -> set[str] | None:
        """The kinds of the checks; None for the default ones."""
        return None if self.checks is None else {check.use for check in self.checks}


class Screen(Section):
    """What the original documents must pass before any of them is rewritten or mixed."""

    checks: ChecksOfDocuments
    """As under `filter`; settings under `recipes: {document: …}` are for documents alone."""

    @field_validator("checks")
    @classmethod
    def _of_documents(cls, checks: Checks) -> Checks:
        if not checks:
            raise fault("there are no checks", "list some, or take the section out")
        for check in checks:
            if check.kind.needs:
                raise fault(f"`{check.use}` judges a rewrite, and documents are none", "list it under filter.checks", check.place)
            refuse_crossed(check, ORIGINAL)
        return checks


def filter_of(checks: Sequence[str | dict[str, Any]]) -> Filter:
    """The section `filter:` with checks as a config lists them: names, or names with settings. Raises `UserError`."""
    section: Filter = validate(Filter, {"checks": checks}, "filter", cure="`rephrase config checks` explains the keys")
    return section
