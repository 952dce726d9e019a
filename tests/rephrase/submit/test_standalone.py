"""What `infra/standalone/up` refuses before it starts a process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.places import ROOT


def refused(*words: object) -> str:
    done = subprocess.run([ROOT / "infra" / "standalone" / "up", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize("size", ["lots", "4", "0g", "1.5g"])
def test_a_size_that_no_worker_takes_is_told(size: str, tmp_path: Path):
    folder = tmp_path / "cluster"
    assert f"--memory {size} is no size such as 4g" in refused("--memory", size, "--folder", folder)
    assert not folder.exists()


def test_a_command_for_a_folder_with_a_space_can_be_pasted(tmp_path: Path):
    folder = tmp_path / "my cluster"
    folder.mkdir()
    (folder / "processes").touch()
    assert f"infra/standalone/down --folder {tmp_path}/my\\ cluster" in refused("--folder", folder)
