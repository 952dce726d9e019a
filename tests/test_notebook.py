"""The walk through the library in examples/notebook.py, as a script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_notebook_runs_and_shows_what_it_promises() -> None:
    done = subprocess.run([sys.executable, "examples/notebook.py"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=500)
    shown = done.stdout
    assert "Rephrasing the Web" in shown
    assert "[system] You rewrite passages" in shown
    for verdict in ("chatter", "copied", "finished", "repetition", "parsed"):
        assert re.search(rf"^wrap/\w+: {verdict} \(", shown, re.MULTILINE), verdict
    shares = {match[1]: float(match[2]) for match in re.finditer(r"(NaN|wrap/\w+) .* (0\.\d+)$", shown, re.MULTILINE)}
    assert abs(shares["NaN"] - 0.5) < 0.02
    assert abs(shares["wrap/qa"] - 0.2) < 0.02
    assert abs(sum(shares.values()) - 1) < 0.005


def test_it_is_a_notebook_of_cells() -> None:
    text = (ROOT / "examples" / "notebook.py").read_text()
    cells = re.split(r"^# %%.*\n", text, flags=re.MULTILINE)
    assert cells[0] == ""
    assert len(cells) > 10
    for cell in cells[1:]:
        compile(cell, "notebook.py", "exec")
