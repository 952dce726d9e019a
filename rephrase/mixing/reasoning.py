"""What a model thought before it wrote a text, as a mixture takes it up into that text."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from rephrase.text.reasoning_joint import Joint
from rephrase.text.tokenizer import Tokenizer

COLUMN = "reasoning"


def with_reasoning(table: pa.Table, joint: Joint, tokenizer: Tokenizer) -> pa.Table:
    """The same rows with their texts as the mixture has them, and the tokens of these in `n_tokens`; without the column `reasoning`.

    A text that the tokenizer does not take together with its reasoning stays as it is.
    """
    texts, lengths = table.column("text").to_pylist(), table.column("n_tokens").to_pylist()
    joined = (joint.join(reasoning, text) for reasoning, text in zip(table.column(COLUMN).to_pylist(), texts, strict=True))
    longer = {row: text for row, text in enumerate(joined) if text is not None}
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
