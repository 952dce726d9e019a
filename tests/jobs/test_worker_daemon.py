"""The daemon that forks Spark's Python workers."""

from __future__ import annotations

import sys
import zipfile

import pyarrow as pa

from jobs.worker_daemon import leave_zips


def test_a_zip_is_left_where_the_same_version_of_its_package_is_installed(tmp_path, monkeypatch):
    site = tmp_path / "site"
    zips = {}
    for name, version in {"same": "1", "newer": "2", "alone": "1"}.items():
        zips[name] = str(tmp_path / f"{name}-{version}-src.zip")
        with zipfile.ZipFile(zips[name], "w") as file:
            file.writestr(f"{name}/version.py", f"__version__ = {version}\n")
        if name != "alone":
            (site / name).mkdir(parents=True)
            (site / name / "__init__.py").touch()
            (site / name / "version.py").write_text("__version__ = 1\n")
    users = tmp_path / "users.zip"
    users.write_text("not a zip file")
    monkeypatch.setattr(sys, "path", [*zips.values(), str(users), str(site)])
    leave_zips()
    assert sys.path == [zips["newer"], zips["alone"], str(users), str(site)]


def test_workers_have_what_tasks_import_collect_garbage_without_it_and_talk_through_unix_sockets(spark):
    def look(batches):
        import gc
        import os

        for batch in batches:
            found = {
                "zipped": [".zip" in sys.modules["pyspark"].__file__],
                "loaded": ["pandas" in sys.modules],
                "frozen": [gc.get_freeze_count()],
                "unix": [os.environ.get("PYTHON_UNIX_DOMAIN_ENABLED", "").lower() == "true"],
            }
            yield pa.RecordBatch.from_pydict({name: values * batch.num_rows for name, values in found.items()})

    rows = spark.get().range(0, 8, 1, 8).mapInArrow(look, "zipped boolean, loaded boolean, frozen long, unix boolean").collect()
    assert all(not row.zipped and row.loaded and row.frozen > 10_000 and row.unix for row in rows), rows
