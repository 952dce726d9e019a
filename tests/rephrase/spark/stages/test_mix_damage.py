"""Damage to what the mixer reads: an error in one of its tasks ends the stage at the task's first try, with the cure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import TaskContext

from rephrase.errors import UserError
from rephrase.spark.runtime.job import Job
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.stage import mix
from tests.rephrase.spark.exports import manifest_of
from tests.rephrase.spark.mixtures import HALVES, run_of, write_inputs

if TYPE_CHECKING:
    from rephrase.spark.runtime.task_reports import Body


@pytest.fixture
def tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """How often each task was tried so far, by stage and number."""
    log, plain = str(tmp_path / "tries"), Job.reporting

    def reporting(job: Job, body: Body) -> Body:
        def noted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            task = TaskContext.get()
            assert task is not None
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"{task.stageId()}-{task.partitionId()}\n")
            yield from body(batches)

        return plain(job, noted)

    monkeypatch.setattr(Job, "reporting", reporting)
    return lambda: Counter(Path(log).read_text(encoding="utf-8").splitlines())


def test_a_damaged_text_of_the_inputs_is_named_at_the_first_try(
    spark: LazySession, tmp_path: Path, tries: Callable[[], Counter[str]]
) -> None:
    write_inputs(str(tmp_path))
    path = tmp_path / "judged" / "00001.parquet"
    group = pq.read_metadata(path).row_group(0)
    [text] = [column for at in range(group.num_columns) if (column := group.column(at)).path_in_schema == "text"]
    data = bytearray(path.read_bytes())
    start = text.data_page_offset + text.total_compressed_size // 2
    data[start : start + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"judged/00001\.parquet: not a readable Parquet file: .* \(remove the file or restore it\)"):
        mix(run_of(str(tmp_path), components=HALVES), spark)
    assert set(tries().values()) == {1}


@pytest.mark.parametrize("start", [0, -400], ids=["head", "rows"])
def test_what_tasks_handed_on_is_never_taken_when_damaged_and_made_anew(
    spark: LazySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: Callable[[], Counter[str]], start: int
) -> None:
    outputs = [str(tmp_path / name) for name in ("damaged", "calm")]
    runs = [run_of(output, components=HALVES, file_tokens=1_000_000) for output in outputs]
    for output in outputs:
        write_inputs(output)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rephrase.spark.stages.mix.stage.write", killed)
        with pytest.raises(KeyboardInterrupt):
            mix(runs[0], spark)
    [path] = Path(outputs[0]).rglob("*.arrows")
    data = bytearray(path.read_bytes())
    at = start % len(data)
    data[at : at + 16] = bytes(16)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"000000\.arrows: the file was damaged, and is removed \(run again, which makes it anew\)"):
        mix(runs[0], spark)
    assert set(tries().values()) == {1}
    for run in runs:
        mix(run, spark)
    made, calm = (manifest_of(f"{output}/mixture")["files"] for output in outputs)
    assert made == calm
