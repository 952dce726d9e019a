"""Tables on S3: what is read of them, and what that takes."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.storage import s3, tables


@pytest.fixture
def asked() -> Any:
    """The byte ranges that this process asks S3 for."""
    spans: list[tuple[int, int]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        start, end = params["headers"]["Range"].removeprefix("bytes=").split("-")
        spans.append((int(start), int(end) + 1))

    events = s3._client().meta.events  # the only place to see requests
    events.register("before-call.s3.GetObject", note)
    yield spans
    events.unregister("before-call.s3.GetObject", note)


def test_columns_are_read_from_s3_without_the_texts_between_them(bucket: str, asked: list[tuple[int, int]]) -> None:
    names = [f"row {number}" for number in range(40)]
    columns = {
        "id": names,
        "text": [os.urandom(50_000).hex() for _ in names],
        "scores": [[("quality", 0.5)] for _ in names],
        "n_tokens": range(40),
    }
    schema = pa.schema(
        [("id", pa.string()), ("text", pa.string()), ("scores", pa.map_(pa.string(), pa.float64())), ("n_tokens", pa.int64())]
    )
    table = pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()}, schema=schema)
    path = f"{bucket}/table.parquet"
    tables.commit(path, table, row_groups=[10] * 4)
    [file] = storage.list_files(bucket)
    assert file.size > 2_000_000
    few = ["id", "scores", "n_tokens"]
    assert tables.read(path, few).equals(table.select(few))
    footer, *ranges = asked
    assert len(ranges) <= 5
    assert sum(end - start for start, end in ranges) < 10_000
    assert footer[1] == file.size
    assert tables.read(path).equals(table)
