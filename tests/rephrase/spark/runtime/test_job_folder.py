"""What drivers leave in a stage's folder, and who may remove it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import orjson
from pydantic import TypeAdapter

from rephrase import storage
from rephrase.spark.runtime.job_folder import JobFolder
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.rewrite.planned import RewriteUnit

DRIVER = """
import sys
from rephrase.spark.runtime.job_folder import JobFolder
print(JobFolder.create(sys.argv[1], [1]).path, flush=True)
sys.stdin.read()
"""


def test_a_job_takes_away_what_dead_drivers_left_and_nothing_of_a_living_one(tmp_path):
    stage = str(tmp_path)
    drivers = [
        subprocess.Popen([sys.executable, "-c", DRIVER, stage], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
        for _ in range(2)
    ]
    dead, living = (driver.stdout.readline().strip() for driver in drivers)
    drivers[0].kill()
    drivers[0].wait()
    elsewhere = storage.join(stage, "_run-elsewhere")
    started = orjson.loads(storage.read(storage.join(dead, "started-by.json")))
    storage.create(storage.join(elsewhere, "started-by.json"), orjson.dumps({**started, "table": "of another machine"}))
    storage.create(storage.join(stage, "_run-ended", "reports", "fatal"), b"")  # said by a task after its job had gone
    storage.create(storage.join(stage, "_run-damaged", "started-by.json"), b"[]")
    mine = JobFolder.create(stage, list(range(600)))
    assert sorted(os.listdir(stage)) == sorted(storage.name_of(path) for path in (living, elsewhere, mine.path))
    assert [mine.item(number) for number in (0, 255, 256, 599)] == [0, 255, 256, 599]
    assert JobFolder(living).item(0) == 1
    mine.remove()
    assert not os.path.exists(mine.path)
    drivers[1].communicate()


def test_what_tasks_read_is_data_and_no_program(tmp_path):
    units = [
        [Unit("out\udc80", RewriteUnit("documents", 1, 2, 0, (("step", ("object",)),), (0, 2)))],
        [Unit("b", RewriteUnit("d", 0, 0, 0, ()))],
    ]
    folder = JobFolder.create(str(tmp_path), units)
    (items,) = (file.path for file in storage.list_files(folder.path) if "items" in file.path)
    stored = json.loads(storage.read(items))
    assert stored[1][0]["payload"]["documents"] == "d"
    adapter = TypeAdapter(list[Unit[RewriteUnit]])
    assert [adapter.validate_python(folder.item(number)) for number in range(2)] == units
