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

from jobs.mix import mix
from jobs.session import LazySession
from jobs.watched import Job
from rephrase.errors import UserError
from tests.jobs.mixtures import HALVES, run_of, write_inputs

if TYPE_CHECKING:
    from jobs.reports import Body


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
