"""The column of labels, against plain Python: values, counts and their sums, whatever chunks, slices and nulls it has."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rephrase import labels
from rephrase.mixing.stitching import Stitch, stitched
from rephrase.records import LABELS
from rephrase.text.tokenizer import Tokenizer

ROWS = st.lists(st.none() | st.dictionaries(st.sampled_from(["topic", "format"]), st.sampled_from("abc")), max_size=12)


def table_of(rows: list[dict[str, str] | None]) -> pa.Table:
    maps = [None if row is None else [*row.items()] for row in rows]
    return pa.table({"labels": pa.array(maps, LABELS), "n_tokens": pa.array([10 + place for place in range(len(rows))], pa.int64())})


@given(ROWS, ROWS, st.integers(0, 5))
def test_counts_are_those_of_the_rows(first: list[dict[str, str] | None], second: list[dict[str, str] | None], skipped: int) -> None:
    table = pa.concat_tables([table_of(first).slice(skipped), table_of(second)])
    rows = [*first[skipped:], *second]
    for name in ("topic", "format"):
        assert labels.values_of(table, name).to_pylist() == [(row or {}).get(name) for row in rows]
    assert labels.names_in(table) == sorted({name for row in rows if row for name in row})
    expected: dict[str, dict[str | None, list[int]]] = {}
    tokens = table.column("n_tokens").to_pylist()
    for name in labels.names_in(table):
        expected[name] = defaultdict(lambda: [0, 0])
        for row, length in zip(rows, tokens, strict=True):
            own = expected[name][(row or {}).get(name)]
            own[0] += 1
            own[1] += length
    parts = labels.summed([labels.counted(table_of(first).slice(skipped)), labels.counted(table_of(second))])
    assert parts == labels.counted(table)
    ranked = labels.ranked(parts, len(rows), sum(tokens))
    assert {name: {one["value"]: [one["rows"], one["tokens"]] for one in values} for name, values in ranked.items()} == expected
    assert all([one["tokens"] for one in values] == sorted((one["tokens"] for one in values), reverse=True) for values in ranked.values())


def test_tables_without_the_column_have_no_labels() -> None:
    older = pa.table({"id": ["a", "b"], "n_tokens": [1, 2]})
    assert labels.values_of(older, "topic").to_pylist() == [None, None]
    assert labels.counted(older) == {}
    assert labels.with_labels(older).column("labels").to_pylist() == [None, None]


def test_a_text_that_is_joined_has_the_labels_that_all_of_its_parts_share(tokenizer: Tokenizer) -> None:
    common = {"source": "web", "language": "en", "license": None, "model": "m", "n_tokens": 5, "group_id": "d", "document_id": "d"}
    own = [{"topic": "Games", "format": "FAQs"}, {"topic": "Games", "format": "Listicle"}]
    pieces = [
        {
            **common,
            "id": f"r{n}",
            "text": f"Text {n}.",
            "origin": "synthetic",
            "recipe": "wrap/easy",
            "synthetic_depth": 1,
            "labels": [*one.items()],
        }
        for n, one in enumerate(own)
    ]
    [joined] = stitched(pieces, Stitch(), tokenizer, 0)
    assert joined["labels"] == [("topic", "Games")]
    [bare] = stitched([{**piece, "labels": None} for piece in pieces], Stitch(), tokenizer, 0)
    assert bare["labels"] is None
