"""Any filter of datatrove (https://github.com/huggingface/datatrove) as a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, JsonValue
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.datatrove_parts import part_of_datatrove
from rephrase.settings.section import Section


class DatatroveSettings(Section):
    """A filter and how it is set."""

    filter: str
    """A class of datatrove.pipeline.filters, such as GopherQualityFilter."""
    arguments: dict[str, JsonValue] = Field(default={})
    """Arguments of its constructor."""


@checks.register("datatrove")
@dataclass(frozen=True, slots=True)
class Datatrove(Check):
    """Rejects what a filter of datatrove drops. The filter sees a document of the row's text without metadata.

    Scores: `datatrove`, 1 for texts that it keeps and 0 for others, NaN for rows without a text; and `datatrove.<reason>`, 1 for the texts
    that it drops for that reason and NaN for others. A text on which the filter fails is dropped with the exception's name as the reason.
    Filters must judge each text by itself: `SamplerFilter` draws lots, and its verdicts change when a batch is judged again.

    Raises `UserError` where datatrove or what the filter needs is not installed, there is no such filter, it takes no such arguments,
    or it cannot judge a text alone.
    """

    name: str
    settings: DatatroveSettings
    Settings = DatatroveSettings
    scored_by = ("filter", "arguments")

    def __post_init__(self) -> None:
        self._filter()

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        from datatrove.data import Document

        chosen = self._filter()
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}
        for row in np.flatnonzero(batch.has_text):
            kept, reason = _verdict(chosen, Document(text=batch.texts[row] or "", id=str(row), metadata={}))
            scores[self.name][row] = float(kept)
            if reason:
                scores.setdefault(f"{self.name}.{reason}", np.full(len(batch), np.nan))[row] = 1.0
        return scores

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], 1, None)

    def _filter(self) -> Any:
        return part_of_datatrove("filter", self.settings.filter, self.settings.arguments, f"the check `{self.name}`")


def _verdict(chosen: Any, document: Any) -> tuple[bool, str | None]:
    try:
        result = chosen.filter(document)
    except Exception as error:  # noqa: BLE001 - a text without words makes some filters divide by zero; one text must not end a run
        return False, type(error).__name__
    kept, reason = result if isinstance(result, tuple) else (result, None)
    return bool(kept), None if kept else reason
