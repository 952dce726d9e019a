"""Texts of an export that take up what stands beside them in a column `reasoning`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rephrase.errors import UserError
from rephrase.exports.base import Format
from rephrase.text.reasoning_joint import Joint

COLUMN = "reasoning"


def check_column(columns: Sequence[str], where: str) -> None:
    """Raise a `UserError` for a table without the column."""
    if COLUMN not in columns:
        cure = "leave --reasoning out; a mixture takes it up by `mix.reasoning`"
        raise UserError(f"the table has no column `{COLUMN}`", where=where, cure=cure)


def taken_up(joint: Joint, texts: Sequence[bytes | None], others: Sequence[dict[str, Any]]) -> list[bytes | None]:
    """The texts with their reasoning, which goes from the other columns of their rows."""
    return [_joined(joint, text, other.pop(COLUMN)) for text, other in zip(texts, others, strict=True)]


def _joined(joint: Joint, text: bytes | None, reasoning: str | None) -> bytes | None:
    longer = joint.join(reasoning, text.decode()) if text else None
    return text if longer is None else longer.encode()


def settings_of(form: Format) -> dict[str, Any]:
    """What of a format's settings, and of how reasoning is taken up, changes the files."""
    return {**form.meaning(), **({COLUMN: [form.joint.before, form.joint.between]} if form.joint else {})}
