"""A finished run of version 0.1.0, to go on with: see its README."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
OLDER = ROOT / "tests" / "fixtures" / "run-0.1.0"


def copy_older_run(folder: Path) -> dict[str, Any]:
    """Put it and its inputs into a folder, in which its relative paths are right. Returns its config."""
    shutil.copytree(OLDER / "finished", folder / "finished")
    (folder / "crawl").mkdir()
    shutil.copy(ROOT / "examples" / "crawl" / "notes.jsonl", folder / "crawl")
    shutil.copytree(ROOT / "examples" / "recorded", folder / "recorded")
    shutil.copy(ROOT / "examples" / "tokenizer.json", folder)
    shutil.copy(OLDER / "run.json", folder)
    config: dict[str, Any] = json.loads((OLDER / "run.json").read_text())
    return config
