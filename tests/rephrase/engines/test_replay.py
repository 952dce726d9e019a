from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pytest
import zstandard

from rephrase import storage
from rephrase.engines.base import Completion, Identity, Message, Request, Sampling
from rephrase.engines.recording import Recording
from rephrase.engines.replay import Replay, ReplaySettings, Reuse
from rephrase.errors import UserError
from rephrase.records import GENERATION
from rephrase.storage import tables

REQUESTS = [Request((Message("user", text),), Sampling()) for text in "abcd"]


def replayed(path: str, requests=REQUESTS) -> list[Completion]:
    async def run() -> list[Completion]:
        config = ReplaySettings(kind="replay", path=path)
        config.check()
        async with config.open() as engine:
            assert engine.model == "recorded"
            return await engine.complete(requests)

    return asyncio.run(run())


def record(request: Request, completion: str, **fields) -> dict:
    digest = {"request_digest": request.digest, "completion": completion, "finish_reason": "length"}
    return {**digest, "prompt_tokens": 3, "completion_tokens": 5, **fields}


def lines(*records: dict) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def test_jsonl_of_any_compression_in_a_folder_is_replayed(tmp_path):
    a, b, c, _ = REQUESTS
    (tmp_path / "1.jsonl").write_bytes(lines(record(a, "A")) + b"\n")
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(lines(record(b, "B")) + lines(record(a, "later"))))
    frames = [zstandard.compress(lines(record(r, t))) for r, t in ((Request((), Sampling()), "x"), (c, "C"))]
    (tmp_path / "3.jsonl.zst").write_bytes(b"".join(frames))
    (tmp_path / "notes.txt").write_text("not a recording")
    done = replayed(str(tmp_path))
    assert done[:3] == [Completion(text, "length", 3, 5) for text in "ABC"]
    assert done[3] == Completion("", "error", error="engine:not_recorded")


@pytest.mark.parametrize("error", ["engine:timeout", "engine_crash"])
def test_the_generations_of_a_run_are_replayed_without_their_engine_errors(tmp_path, error):
    a, b, c, d = REQUESTS
    retried = replace(b, attempt=2)
    rows = [
        record(a, "A", error="parse:no_title", text=None),
        record(retried, "B", attempts=3),
        record(c, "", error=error),
        record(d, "", error="prompt_too_long", finish_reason="error", completion_tokens=0),
    ]
    path = tmp_path / "wrap" / "medium" / "unit-0.parquet"
    tables.commit(str(path), pa.Table.from_pylist(rows, schema=GENERATION))
    done = replayed(str(tmp_path))
    assert done[0] == Completion("A", "length", 3, 5)  # what did not parse then is parsed again now
    assert done[1].text == "B"  # the row names the last attempt; the first is answered with it
    assert done[2].error == "engine:not_recorded"
    assert done[3] == Completion("", "error", 3, 0, "prompt_too_long")


def test_reasoning_is_replayed_with_its_answer(tmp_path):
    a, b, c, d = REQUESTS
    (tmp_path / "1.jsonl").write_bytes(lines(record(a, "<think>hm</think>A"), record(b, "B", reasoning="so"), record(c, "C", reasoning=7)))
    tables.commit(str(tmp_path / "unit.parquet"), pa.Table.from_pylist([record(d, "D", reasoning="why")], schema=GENERATION))
    done = replayed(str(tmp_path))
    assert [(one.text, one.reasoning) for one in done] == [("A", "hm"), ("B", "so"), ("C", None), ("D", "why")]


@pytest.mark.parametrize("error", ["prompt_refused: no", "prompt:exception:KeyError"])
def test_a_prompt_that_was_not_asked_is_not_recorded(tmp_path, error):
    tables.commit(str(tmp_path / "unit.parquet"), pa.Table.from_pylist([record(REQUESTS[0], "", error=error)], schema=GENERATION))
    assert replayed(str(tmp_path), REQUESTS[:1])[0].error == "engine:not_recorded"


def test_only_what_no_earlier_run_has_is_asked_for(tmp_path):
    a, b, c, d = REQUESTS
    later = {"model": "m", "engine": "vllm 1.0", "model_revision": "abc", "template_digest": None}
    rows = [
        record(a, "A", **later),
        record(b, "B", **(later | {"model": "another"})),
        record(c, "C", error="parse:no_title", **later),
        record(replace(d, attempt=5), "D", **later),
    ]
    tables.commit(str(tmp_path / "1.parquet"), pa.Table.from_pylist(rows[:2], schema=GENERATION))
    tables.commit(str(tmp_path / "2.parquet"), pa.Table.from_pylist(rows[2:], schema=GENERATION), row_groups=[1, 1])
    (tmp_path / "none.jsonl").write_bytes(lines(*(record(r, "asked", finish_reason="stop") for r in REQUESTS)))
    engine = Replay(ReplaySettings(kind="replay", path=str(tmp_path / "none.jsonl"), model="m"))

    def texts(*, errors: bool, any_attempt: bool = False) -> list[str]:
        files = [str(tmp_path / "1.parquet"), str(tmp_path / "2.parquet")]
        reuse = Reuse(engine, [Recording(files, model="m", errors=errors)], any_attempt=any_attempt)
        asked = [a, b, c, replace(d, attempt=8 if any_attempt else 0)]
        made = asyncio.run(reuse.complete(asked))
        assert made[0] == Completion("A", "length", 3, 5, identity=Identity("vllm 1.0", "abc"), reused=True)
        return [completion.text for completion in made]

    assert texts(errors=True) == ["A", "asked", "C", "D"]
    assert texts(errors=False, any_attempt=True) == ["A", "asked", "asked", "D"]


def test_a_recording_holds_an_index_and_fetches_texts_as_they_are_asked_for(tmp_path):
    requests = [Request((Message("user", str(number)),), Sampling()) for number in range(500)]
    for unit in range(5):
        rows = [record(request, f"text {number}") for number, request in enumerate(requests[unit * 100 : unit * 100 + 100], unit * 100)]
        tables.commit(str(tmp_path / f"{unit}.parquet"), pa.Table.from_pylist(rows, schema=GENERATION), row_groups=[50, 50])
    found = replayed(str(tmp_path), requests[::-1])
    assert [completion.text for completion in found] == [f"text {number}" for number in range(499, -1, -1)]


def test_what_was_recorded_as_cut_or_broken_is_not_replayed_as_finished(tmp_path):
    reasons = ["max_tokens", "eos_token", None, "network_error"]
    rows = [record(request, "The tide", finish_reason=reason) for request, reason in zip(REQUESTS, reasons, strict=True)]
    (tmp_path / "1.jsonl").write_bytes(lines(*rows))
    done = replayed(str(tmp_path))
    assert [completion.finish_reason for completion in done] == ["length", "stop", "length", "error"]
    assert [completion.text for completion in done] == ["The tide", "The tide", "The tide", ""]
    assert done[3].error == "engine:failed: network_error"


@pytest.mark.parametrize(
    "fields", [{"prompt_tokens": [1]}, {"completion": 5}, {"completion": ["x"]}, {"attempts": [1]}, {"request_digest": ["x"]}, {"error": 5}]
)
def test_a_row_of_another_shape_is_named(tmp_path, fields):
    (tmp_path / "1.jsonl").write_bytes(lines(record(REQUESTS[0], "A"), record(REQUESTS[1], "B") | fields))
    with pytest.raises(UserError, match=r"1\.jsonl, row 2: not a recorded completion"):
        replayed(str(tmp_path))


@pytest.mark.timeout(60)
def test_a_count_of_attempts_without_end_is_not_looked_up_to_its_end(tmp_path):
    (tmp_path / "1.jsonl").write_bytes(lines(record(REQUESTS[0], "A", attempts=10**12)))
    assert replayed(str(tmp_path))[1].error == "engine:not_recorded"


def test_a_table_whose_digests_are_none_is_named(tmp_path):
    path = tmp_path / "1.parquet"
    tables.commit(str(path), pa.Table.from_pylist([record(REQUESTS[0], "A") | {"request_digest": "no digest"}], schema=GENERATION))
    with pytest.raises(UserError, match=r"1\.parquet, row 0 of row group 0: not a recorded completion"):
        replayed(str(tmp_path))


def test_a_recording_on_s3_is_replayed(bucket):
    storage.create(f"{bucket}/recorded/1.jsonl.gz", gzip.compress(lines(record(REQUESTS[0], "A"))))
    assert replayed(f"{bucket}/recorded", REQUESTS[:1])[0].text == "A"


def test_what_is_no_recording_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no input files found"):
        replayed(str(tmp_path / "none"))
    (tmp_path / "other.txt").write_text("x")
    with pytest.raises(UserError, match="no recorded completions found"):
        replayed(str(tmp_path))
    (tmp_path / "1.jsonl").write_bytes(lines(record(REQUESTS[0], "A"), {"prompt": "x"}))
    with pytest.raises(UserError, match=r"1\.jsonl, row 2: not a recorded completion.*rows need request_digest"):
        replayed(str(tmp_path))
    for name, data in (
        ("cut.jsonl", b'{"a'),
        ("cut.jsonl.gz", gzip.compress(b"x" * 999)[:-9]),
        ("cut.jsonl.zst", b"no"),
        ("no.parquet", b"no"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=r"not a readable (recording|Parquet file)"):
            replayed(str(tmp_path / name))
