"""Which field holds what, guessed by names and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rephrase.errors import UserError
from rephrase.init.corpus import Corpus
from rephrase.init.guesses import guesses
from rephrase.readers.settings import Fields

_SHARE = 0.5  # of the rows must have a text
_LONGEST = 3.0  # so many times as long as the next must a field be, for its length alone to tell
_ABOUT = ("id", "url", "source", "language", "license")
_DEFAULTS = Fields()


@dataclass(frozen=True, slots=True)
class Texts:
    """The field of the texts."""

    name: str
    others: list[str]
    """Fields that hold texts as well, the likeliest first."""
    is_sure: bool


def texts_in(corpus: Corpus, kinds: Sequence[str]) -> Texts:
    """The field that holds the texts, where they are of one of these kinds in `guesses.yaml`. Raises `UserError` where none holds any."""
    lengths = {name: sum(map(len, values)) / len(values) for name, values in corpus.fields.items() if _holds_texts(values, corpus.rows)}
    if not lengths:
        there = ", ".join(corpus.fields) or "no fields"
        what = f"no field of the first {corpus.rows} rows holds texts; there are: {there}"
        raise UserError(what, where=corpus.paths[0], cure="bring each document's text into one field; conversations as one text")
    by_length = sorted(lengths, key=lambda name: -lengths[name])
    known = list(dict.fromkeys(name for kind in kinds if (name := known_field(kind, lengths)) is not None))
    ranked = list(dict.fromkeys([*known, *by_length]))
    is_longest = len(by_length) == 1 or lengths[by_length[0]] >= _LONGEST * lengths[by_length[1]]
    return Texts(ranked[0], ranked[1:], bool(known) or is_longest)


def _holds_texts(values: Sequence[object], rows: int) -> bool:
    return len(values) >= _SHARE * rows and all(isinstance(value, str) for value in values) and any(values)


def known_field(kind: str, names: Sequence[str] | dict[str, object] | dict[str, float]) -> str | None:
    """Which of the names is known to hold a kind of thing; None where none is."""
    by_last = {name.rpartition(".")[2].lower(): name for name in reversed(list(names))}
    by_last |= {name.lower(): name for name in names if "." not in name}
    return next((by_last[known] for known in guesses().fields[kind] if known in by_last), None)


def settings_of(corpus: Corpus, text: str, also: Sequence[str]) -> dict[str, object] | None:
    """The section `input.fields`, as far as it differs from the defaults; None where it does not."""
    settings: dict[str, object] = {"text": text} if text != _DEFAULTS.text else {}
    for kind in _ABOUT:
        name = known_field(kind, [name for name in corpus.fields if name not in (text, *also)])
        if name is not None and name != getattr(_DEFAULTS, kind) and getattr(_DEFAULTS, kind) not in corpus.fields:
            settings[kind] = name
    if also:
        settings["also"] = list(also)
    return settings or None


def unused(corpus: Corpus, settings: dict[str, object] | None) -> list[str]:
    """The fields of which a run with this section `input.fields` keeps nothing."""
    fields = Fields.model_validate(settings or {})
    kept = {*fields.also, *(path for name, path in fields if name != "also")}
    return [name for name in corpus.fields if name not in kept and not (fields.metadata and name.startswith(f"{fields.metadata}."))]
