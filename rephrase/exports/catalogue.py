"""A format by its name, made from its settings and its vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rephrase.errors import UserError
from rephrase.exports.base import Format, formats
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.validation import validate


def make_format(name: str, vocabulary: Vocabulary | None, settings: Mapping[str, Any] | None = None) -> Format:
    """The format of this name. Raises `UserError` where it does not exist, or lacks what it needs, or is given what it does not take."""
    kind = formats.find(name, "--format")
    if vocabulary and kind.takes_vocabulary == "no":
        raise UserError(f"{name} holds text alone", where="--tokenizer", cure="leave it out, or choose a format of tokens")
    if not vocabulary and kind.takes_vocabulary == "required":
        raise UserError(f"{name} holds tokens", where="--tokenizer", cure="give a tokenizer.json, a folder with one, or a hub id")
    if settings and not kind.Settings.model_fields:
        raise UserError(f"{name} has no settings", where="--option", cure="leave it out")
    return kind(name, validate(kind.Settings, dict(settings or {}), "--option", cure="`rephrase export --help` lists them"), vocabulary)
