"""Files that are damaged: slices of JSON lines and of archives, labelled texts, and the manifest of a virtual mixture."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from classifiers.entities.evaluate import read_labelled
from rephrase import storage
from rephrase.errors import UserError
from rephrase.loading.index import ORDER, Index, open_index
from rephrase.loading.manifest import Manifest, VirtualPhase, parse_manifest
from rephrase.mixing.component import Component
from rephrase.mixing.plan import MEASURES, ORIGINAL, ROWS, TOKENS, Material
from rephrase.mixing.pools import Pool
from rephrase.mixing.selection import BUCKETS, buckets_of
from rephrase.readers.base import RawDocument, ReadError
from rephrase.readers.files import read_documents
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice
from rephrase.storage import tables
from tests.fuzz.answers import json_like
from tests.fuzz.inputs import PROSE, Target
from tests.fuzz.mutations import bytes_like, text_like
from tests.rephrase.readers.archives import record


def slices(folder: str) -> Target:
    """A damaged file of JSON lines, cut at whatever bytes: its slices together give what the whole file does, each line once."""
    path = Path(folder, "a.jsonl")
    config = Input.model_validate({"paths": [folder], "min_characters": 1})
    whole = b"".join(orjson.dumps({"text": f"Tower {number}. {PROSE[: 40 * number]}"}) + b"\n" for number in range(8))

    def texts(parts: Sequence[Slice]) -> tuple[list[str], int]:
        items = [item for part in parts for item in read_documents(part, config)]
        return [item.text for item in items if isinstance(item, RawDocument)], sum(isinstance(item, ReadError) for item in items)

    def target(dice: random.Random) -> None:
        data = b'{"text": "first"}\n' + bytes_like(whole, dice)  # a beginning that says what the file is
        path.write_bytes(data)
        file = storage.FileInfo(str(path), len(data))
        starts = sorted({0, *(dice.randrange(len(data)) for _ in range(dice.randint(1, 6)))})
        ends: list[int | None] = [*starts[1:], None]
        parts = [Slice(file, start, end) for start, end in zip(starts, ends, strict=True)]
        assert texts(parts) == texts([Slice(file)]), f"cut at {starts}"

    return target


def cut_archives(folder: str) -> Target:
    """A damaged archive of compressed records, cut at whatever bytes: its slices together give what the whole file does."""
    path = Path(folder, "a.warc.gz")
    config = Input.model_validate({"paths": [folder], "min_characters": 1})
    first, *others = [gzip.compress(record("conversion", f"Tower {n}. {PROSE[: 40 * n]}".encode()), mtime=0) for n in range(10)]
    whole = b"".join(others)

    def target(dice: random.Random) -> None:
        data = first + bytes_like(whole, dice)
        path.write_bytes(data)
        file = storage.FileInfo(str(path), len(data))
        starts = sorted({0, *(dice.randrange(len(data)) for _ in range(dice.randint(1, 4)))})
        ends: list[int | None] = [*starts[1:], None]
        parts = [Slice(file, start, end) for start, end in zip(starts, ends, strict=True)]
        both = [
            [item.text for part in several for item in read_documents(part, config) if isinstance(item, RawDocument)]
            for several in (parts, [Slice(file)])
        ]
        assert both[0] == both[1], f"cut at {starts}"

    return target


def labelled(folder: str) -> Target:
    """Labelled texts for scrubbing: they are taken, or refused by a `UserError` of one line."""
    path = Path(folder, "labelled.jsonl")
    spans = [{"start": 4, "end": 7, "kind": "person"}, {"start": 9, "end": 16, "kind": "emails"}]
    rows: list[dict[str, Any]] = [{"text": "Ask Ada, a@b.org.", "spans": spans}, {"text": PROSE, "spans": []}]

    def target(dice: random.Random) -> None:
        row = rows[0]
        for _ in range(dice.randint(0, 2)):
            row = json_like(row, dice)
        lines = orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS) if _fits(row) else repr(row).encode("utf-8", "replace")
        data = lines + b"\n" + orjson.dumps(rows[1])
        path.write_bytes(bytes_like(data, dice) if dice.random() < 0.3 else data)
        _taken_or_refused(lambda: read_labelled(str(path)))

    return target


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def manifests(folder: str) -> Target:
    """The manifest of a virtual mixture, which people change: there is a schedule of its rows, or a `UserError` of one line."""
    index = _index(f"{folder}/virtual/index-1")
    components = [Component(source=name, origin="original", share=share) for name, share in (("wiki", 0.3), ("web", 0.7))]
    asked = Manifest(index="index-1", phases=[VirtualPhase(tokens=tokens, components=components) for tokens in (20_000, 10_000)])
    planned = asked.planned(index, "manifest.json")[0]
    content: dict[str, Any] = planned.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def read(data: bytes) -> None:
        schedule = parse_manifest(data, "manifest.json").schedule(index, "manifest.json")
        for columns in index.arrays(("place", "pool", "epoch", "key")):
            schedule.phase_of(columns)
        assert len(schedule.begins) >= 1

    read(orjson.dumps(content))

    def target(dice: random.Random) -> None:
        changed = content
        kind = dice.choice(["json", "plan", "text"])
        if kind == "text":
            _taken_or_refused(lambda: read(text_like(orjson.dumps(content).decode(), dice).encode("utf-8", "surrogatepass")))
            return
        for _ in range(dice.randint(1, 3)):
            changed = {**changed, "plan": json_like(changed["plan"], dice)} if kind == "plan" else json_like(changed, dice)
        _taken_or_refused(lambda: read(orjson.dumps(changed) if _fits(changed) else b"{}"))

    return target


def _index(folder: str) -> Index:
    """An index of 400 texts of two sources."""
    count = 400
    random_numbers = np.random.default_rng(0)
    keys = random_numbers.integers(0, BUCKETS << 40, count)
    pool = np.arange(count) % 2
    tokens = random_numbers.integers(50, 200, count)
    columns = {
        "place": np.arange(count),
        "id": [str(number) for number in range(count)],
        "epoch": np.zeros(count, np.int32),
        "pool": pool,
        "key": keys,
        "n_tokens": tokens,
        "written": np.zeros(count, np.bool_),
        "original": np.ones(count, np.bool_),
        "joined": np.zeros(count, np.bool_),
        "object": np.zeros(count, np.int32),
        "row": np.arange(count),
    }
    components = tuple(Component(source=name, origin="original", share=0.5) for name in ("wiki", "web"))
    index = Index(folder, components, (Pool(0), Pool(1)), (1, 1), 0, ("documents/part-00000.parquet",), 1, None)
    sums = np.zeros((2, MEASURES, BUCKETS), np.int64)
    for source in (0, 1):
        mine = pool == source
        for measure, amounts in ((TOKENS, tokens), (ROWS, np.ones(count, np.int64)), (ORIGINAL, tokens)):
            sums[source, measure] = np.bincount(buckets_of(keys[mine]), amounts[mine], BUCKETS)
    tables.commit(index.part(0), pa.table({name: pa.array(columns[name], ORDER.field(name).type) for name in ORDER.names}, schema=ORDER))
    index.write(Material(index.pools, sums, {}))
    return open_index(folder)


def _taken_or_refused(call: Any) -> None:
    told = ""
    try:
        call()
    except UserError as error:
        told = str(error)
    assert "\n" not in told, "an error of more than a line"
