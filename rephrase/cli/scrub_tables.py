"""What `rephrase scrub eval` prints and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.table import Table

from classifiers.entities.evaluate import LabelledText, Way, to_json
from rephrase import storage
from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import counted


def print_ways(labelled: Sequence[LabelledText], ways: Mapping[str, Way]) -> None:
    """A table for each way: a line for each kind, and one for all whatever their kind."""
    console = PlainConsole(soft_wrap=True)
    spans = sum(len(text.spans) for text in labelled)
    labels = f"{counted(len(labelled), 'text')} with {counted(spans, 'labelled span')}"
    console.print(f"{labels}; right: half or more of the characters shared, and of one kind")
    for name, way in ways.items():
        title = f"{name}, {way.characters_per_second:,.0f} characters a second"
        table = Table("kind", "labelled", "found", "right", "precision", "recall", "F1", "left in", title=title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for kind, figures in way.kinds.items():
            rates = (figures.precision, figures.recall, figures.f1)
            cells = ["" if rate is None else f"{rate:.3f}" for rate in rates]
            left = "" if figures.left_share is None else f"{figures.left_share:.1%}"
            table.add_row(kind, f"{figures.labelled:,}", f"{figures.given:,}", f"{figures.right:,}", *cells, left)
        console.print(table)
    console.print("left in: of the labelled characters those that would stay in the text, whatever the rest was taken for")


def write_ways(path: str, labelled: Sequence[LabelledText], ways: Mapping[str, Way]) -> None:
    """The same as JSON."""
    content: dict[str, Any] = to_json(labelled, ways)
    storage.put(path, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
