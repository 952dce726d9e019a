"""Virtual mixtures in PyTorch's DataLoader: workers, ranks, states, and processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader

from rephrase.errors import UserError
from rephrase.loading import VirtualDataset
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.virtual import virtual_mix
from tests.rephrase.loading.mixtures import PHASES, mixture_of
from tests.rephrase.spark.exports import read_with
from tests.rephrase.spark.stages.test_mix import run_of, write_inputs

BATCH = 8
TRAINER = """
import json, sys, time
from torch.utils.data import DataLoader
from rephrase.loading import VirtualDataset
folder, log = sys.argv[1:]
data = VirtualDataset(folder, batch_size=8, window_tokens=5000)
loader = DataLoader(data, batch_size=8, num_workers=2, collate_fn=list)
with open(log, "w") as file:
    for number, batch in enumerate(loader, 1):
        file.write(json.dumps([[[row["id"], row["epoch"]] for row in batch], data.state_after(number)]) + "\\n")
        file.flush()
        time.sleep(0.02)
"""


def batches(data: VirtualDataset, workers: int) -> list[list[dict[str, Any]]]:
    return list(DataLoader(data, batch_size=BATCH, num_workers=workers, collate_fn=list))


def cut(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]


def test_workers_give_the_batches_of_one_reader(outputs: dict[int, str], tmp_path: Path) -> None:
    expected = cut(mixture_of(outputs[0]))
    assert batches(VirtualDataset(f"{outputs[0]}/virtual", batch_size=BATCH), 0) == expected
    shown = read_with("torch", "a virtual mixture, with PyTorch", outputs[0], "batches", tmp_path)
    assert shown == [[row["text"] for row in batch] for batch in expected]


def test_a_step_of_all_ranks_is_a_stretch_of_the_mixture(outputs: dict[int, str]) -> None:
    expected = cut(mixture_of(outputs[7]))
    for rank in range(2):
        data = VirtualDataset(f"{outputs[7]}/virtual", batch_size=BATCH, rank=rank, ranks=2)
        assert batches(data, 2) == expected[rank::2]
        data.load_state_dict(VirtualDataset("", batch_size=BATCH, rank=rank, ranks=2).state_after(30))
        assert batches(data, 0) == expected[60 + rank :: 2]


def test_a_state_is_of_a_row(outputs: dict[int, str]) -> None:
    expected = mixture_of(outputs[7])
    folder = f"{outputs[7]}/virtual"
    first = VirtualDataset(folder, batch_size=BATCH, rank=1, ranks=2)
    mine = [row for at, row in enumerate(expected) if at // BATCH % 2 == 1]
    assert list(islice(first, 403)) == mine[:403]
    second = VirtualDataset(folder, batch_size=BATCH, rank=1, ranks=2)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert list(islice(second, 100)) == mine[403:503]
    third = VirtualDataset(folder, batch_size=BATCH, rank=1, ranks=2)
    third.load_state_dict(second.state_dict())
    assert list(third) == mine[503:]
    alone = VirtualDataset(folder, batch_size=BATCH)
    alone.load_state_dict(first.state_dict())
    with pytest.raises(UserError, match="in the midst of a batch"):
        list(alone)


def test_a_trainer_is_killed_and_goes_on(outputs: dict[int, str], tmp_path: Path) -> None:
    folder, log = f"{outputs[2026]}/virtual", tmp_path / "log"
    trainer = subprocess.Popen([sys.executable, "-c", TRAINER, folder, str(log)], start_new_session=True)
    try:
        while not log.exists() or log.read_bytes().count(b"\n") < 40:
            assert trainer.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(trainer.pid, signal.SIGKILL)
        trainer.wait()
    lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    expected = [[row["id"], row["epoch"]] for row in mixture_of(outputs[2026])]
    before = [row for batch, _ in lines for row in batch]
    assert len(before) < len(expected)
    data = VirtualDataset(folder, batch_size=BATCH)
    data.load_state_dict(lines[-1][1])
    after = [[row["id"], row["epoch"]] for batch in batches(data, 3) for row in batch]
    assert before + after == expected


def test_on_s3(outputs: dict[int, str], spark: LazySession, bucket: str) -> None:
    write_inputs(f"{bucket}/run", group=2000)
    virtual_mix(run_of(f"{bucket}/run", phases=PHASES), spark, part_rows=3000)
    expected = mixture_of(outputs[0])
    data = VirtualDataset(f"{bucket}/run/virtual", batch_size=BATCH)
    assert batches(data, 2) == cut(expected)
    data.load_state_dict(data.state_after(100))
    assert [row for batch in batches(data, 0) for row in batch] == expected[100 * BATCH :]
