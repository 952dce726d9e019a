"""A Delta table that several drivers make at the same time is one table; a folder that it cannot have is told before the run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rephrase.errors import UserError
from rephrase.lakehouse.base import Source
from rephrase.lakehouse.delta import Delta
from rephrase.records import MIXTURE


def test_all_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        source = Source(str(folder), MIXTURE, str(folder), "run", lambda _: [])
        with ThreadPoolExecutor(6) as pool:
            opened = [attempt.result() for attempt in [pool.submit(Delta(format="delta").open, source) for _ in range(6)]]
        assert len({table.identity for table in opened if table}) == 1
        assert [path.name for path in (folder / "_delta_log").glob("*.json")] == [f"{0:020d}.json"]


def test_a_folder_that_deltalake_would_take_for_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"50%25/mixture: deltalake takes `%25` in a location"):
        Delta(format="delta").check(f"{tmp_path}/50%25/mixture")
    Delta(format="delta").check(f"{tmp_path}/50% ü/mixture")
