"""Comments, docstrings and messages name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("rephrase", "classifiers", "jobs", "bench", "infra", "examples", "tests")
NAMED = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*\.(?:py|yaml|sh|md|json|txt|html)\b")
MADE_UP = {"jobs/STAGE.py", "jobs/COMMAND.py"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_named_files_exist(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml", ".sh", ".properties")]
    named = {(str(path.relative_to(ROOT)), name) for path in files for name in NAMED.findall(path.read_text())}
    assert {(file, name) for file, name in named if name not in MADE_UP and not (ROOT / name).exists()} == set()
