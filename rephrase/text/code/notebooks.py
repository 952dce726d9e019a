"""Jupyter notebooks as Markdown: their cells one after the other, those with code in fences (https://nbformat.readthedocs.io)."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from rephrase.text.code.fences import fences_of
from rephrase.text.sentences import Span, sentence_spans

NOTEBOOK = "Jupyter Notebook"
"""The language of such documents, as Linguist and The Stack call it."""
_TICKS = re.compile(r"(?m)^[ \t]*+(`{3,}+)")


def notebook_text(data: str | bytes) -> str:
    """The cells of a notebook of any version of the format, without their outputs. Raises `ValueError` for what is none."""
    notebook = _json(data)
    if not isinstance(notebook, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # what orjson raises for what is no JSON at all
    cells = notebook.get("cells")
    if not isinstance(cells, list):  # before version 4
        worksheets = notebook.get("worksheets")
        if not isinstance(worksheets, list):
            raise ValueError("it has no cells")  # noqa: TRY004  # the same
        of_sheets = [sheet.get("cells") for sheet in worksheets if isinstance(sheet, dict)]
        cells = [cell for several in of_sheets if isinstance(several, list) for cell in several]
    language = _language(notebook.get("metadata"))
    texts = [_text(cell, language) for cell in cells if isinstance(cell, dict)]
    return "\n\n".join(text for text in texts if text)


def _json(data: str | bytes) -> Any:
    """What Python writes as JSON: with NaN in outputs and halves of characters in texts, and behind a mark of the order of bytes."""
    try:
        return orjson.loads(data)
    except ValueError:
        text = data if isinstance(data, str) else data.decode()
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def cell_spans(text: str) -> list[Span]:
    """Start and end of each fence, and of each sentence around them; together they cover the text."""
    spans: list[Span] = []
    last = 0
    for fence in [*fences_of(text), None]:
        start = fence.start if fence else len(text)
        spans += [(last + begin, last + end) for begin, end in sentence_spans(text[last:start])]
        if fence:
            spans.append((start, fence.end))
            last = fence.end
    return spans


def _text(cell: dict[str, Any], language: str) -> str:
    source = cell.get("source", cell.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str)).encode(errors="replace").decode().strip("\n")
    if not text.strip():
        return ""
    if cell.get("cell_type") == "heading":  # before version 4
        return f"{'#' * _level(cell)} {text}"
    if cell.get("cell_type") != "code":
        missing = next((fence.missing for fence in fences_of(text) if fence.missing), "")
        return f"{text}\n{missing}" if missing else text  # or the cells that follow would be inside
    ticks = max([3, *(len(marks) + 1 for marks in _TICKS.findall(text))]) * "`"
    return f"{ticks}{language}\n{text}\n{ticks}"


def _level(cell: dict[str, Any]) -> int:
    level = cell.get("level")
    return level if isinstance(level, int) and 1 <= level <= 6 else 1


def _language(metadata: Any) -> str:
    """What the notebook says its code is in, by one word; Python where it does not say it."""
    about = metadata if isinstance(metadata, dict) else {}
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        value = about.get(key)
        if isinstance(value, dict) and isinstance(value.get(name), str) and re.fullmatch(r"[\w+#.-]{1,40}", value[name]):
            return str(value[name]).lower()
    return "python"
