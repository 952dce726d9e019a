"""Any filter of datatrove (https://github.com/huggingface/datatrove) as a check."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from pydantic import Field, JsonValue

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from rephrase.config import Section
from rephrase.errors import UserError

_PROBE = "The keeper of the lighthouse climbed the stairs each evening, lit the lamp, and wrote the weather into his book."


class DatatroveSettings(Section):
    """A filter and how it is set."""

    filter: str
    """A class of datatrove.pipeline.filters, such as GopherQualityFilter."""
    arguments: dict[str, JsonValue] = Field(default={})
    """Arguments of its constructor."""


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
    scored_by = ("filter", "arguments")

    def __post_init__(self) -> None:
        self._filter()

    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        """See `Check.score`."""
        from datatrove.data import Document

        chosen = self._filter()
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}
        for row in np.flatnonzero(batch.has_text):
            kept, reason = _verdict(chosen, Document(text=batch.texts[row] or "", id=str(row), metadata={}))
            scores[self.name][row] = float(kept)
            if reason:
                scores.setdefault(f"{self.name}.{reason}", np.full(len(batch), np.nan))[row] = 1.0
        return scores

    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        """See `Check.decide`."""
        return within(scores[self.name], 1, None)

    def _filter(self) -> Any:
        return _load(self.settings.filter, orjson.dumps(self.settings.arguments, option=orjson.OPT_SORT_KEYS), f"the check `{self.name}`")


def _verdict(chosen: Any, document: Any) -> tuple[bool, str | None]:
    try:
        result = chosen.filter(document)
    except Exception as error:  # noqa: BLE001 - a text without words makes some filters divide by zero; one text must not end a run
        return False, type(error).__name__
    kept, reason = result if isinstance(result, tuple) else (result, None)
    return bool(kept), None if kept else reason


@functools.lru_cache(maxsize=32)
def _load(name: str, arguments: bytes, where: str) -> Any:
    """The filter, made once a process: some load models."""
    try:
        from datatrove.data import Document
        from datatrove.pipeline import filters
        from datatrove.pipeline.filters.base_filter import BaseFilter
    except ImportError as error:
        cure = "pip install 'datatrove[processing]' on the driver and the executors"
        raise UserError(f"datatrove cannot be imported: {error}", where=where, cure=cure) from error
    known = {key: value for key, value in vars(filters).items() if isinstance(value, type) and issubclass(value, BaseFilter)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        cure = f"did you mean {' or '.join(f'`{key}`' for key in near)}?" if near else f"filters: {', '.join(known)}"
        raise UserError(f"datatrove has no filter `{name}`", where=where, cure=cure)
    signature, given = inspect.signature(known[name]), orjson.loads(arguments)
    cure = f"its arguments: {', '.join(map(str, signature.parameters.values()))}"
    try:
        signature.bind(**given)
    except TypeError as error:
        raise UserError(f"{name}: {error}", where=where, cure=cure) from error
    try:
        chosen = known[name](**given)
        chosen.filter(Document(text=_PROBE, id="probe", metadata={}))  # what it lacks is told before any row is judged
    except ImportError as error:
        raise UserError(f"{name}: {error}", where=where, cure="install it on the driver and the executors") from error
    except Exception as error:
        cure += "; the filter must be able to judge a text without metadata"
        raise UserError(f"{name} fails: {type(error).__name__}: {error}", where=where, cure=cure) from error
    return chosen
