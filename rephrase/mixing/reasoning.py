"""What a model thought before it wrote a text, as a mixture takes it up into that text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.mixing.settings import Mix

COLUMN = "reasoning"


def takes_reasoning(mix: Mix) -> bool:
    """Whether texts of a mixture hold the reasoning that led to them."""
    return mix.reasoning != "drop"


def with_reasoning(table: pa.Table, mix: Mix, tokenizer: Tokenizer) -> pa.Table:
    """The same rows with their texts as the mixture has them, and the tokens of these in `n_tokens`; without the column `reasoning`.

    A text stays as it is where there is no reasoning, where it holds the reasoning already, because its recipe asks for it, and where the
    tokenizer does not take both together.
    """
    before, between = mix.reasoning_marks if mix.reasoning == "wrap" else ("", "\n\n")
    texts, lengths = table.column("text").to_pylist(), table.column("n_tokens").to_pylist()
    found = {row: text for row, text in enumerate(table.column(COLUMN).to_pylist()) if text and text not in (texts[row] or text)}
    longer = {row: f"{before}{reasoning}{between}{texts[row]}" for row, reasoning in found.items()}
    for row, length in zip(longer, _lengths(tokenizer, list(longer.values())), strict=True):
        if length is not None:
            texts[row], lengths[row] = longer[row], length
    for name, values in (("text", texts), ("n_tokens", lengths)):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table.drop_columns([COLUMN])


def _lengths(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int | None]:
    """The tokens of each text as exports encode it, where control tokens are letters; None for one that the tokenizer does not take."""
    try:
        return [len(tokens) for tokens in tokenizer.encode(texts)]
    except Exception:  # noqa: BLE001  # the library raises anything over a text
        return [None] if len(texts) == 1 else [length for text in texts for length in _lengths(tokenizer, [text])]
