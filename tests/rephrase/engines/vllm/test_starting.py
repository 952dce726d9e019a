"""What is told while a server starts."""

from __future__ import annotations

import pytest

from rephrase.engines.starting import last_line
from rephrase.engines.vllm import starting
from rephrase.engines.vllm.server_folder import Launch, write_status
from rephrase.engines.vllm.starting import StartTold, phase_of

LOG = """\
(APIServer pid=7) INFO 11-30 02:00:01 [model.py:2152] Using max model len 1024
(EngineCore pid=8) INFO 11-30 02:00:09 [core.py:134] Initializing a V1 LLM engine (v0.32.0) with config: …
(Worker pid=9) INFO 11-30 02:00:12 [cpu_model_runner.py:68] Starting to load model /models/small...
(Worker pid=9) INFO 11-30 02:00:13 [gpu_model_runner.py:5150] Model loading took 0.5 GiB memory and 0.9 seconds
(Worker pid=9) INFO 11-30 02:00:14 [cpu_model_runner.py:87] Warming up model for the compilation...
(Worker pid=9) INFO 11-30 02:00:54 [cpu_model_runner.py:91] Warming up done.
(EngineCore pid=8) INFO 11-30 02:00:55 [core.py:386] init engine (profile, create kv cache, warmup model) took 41.2 s
"""


@pytest.mark.parametrize(
    ("lines", "phase"),
    [(0, "loads Python packages"), (2, "sets up"), (3, "loads the weights"), (5, "compiles"), (6, "is warm"), (7, "opens its API")],
)
def test_the_log_of_a_server_says_what_it_is_at(lines, phase):
    assert phase in phase_of("".join(LOG.splitlines(keepends=True)[:lines]))


def test_a_start_is_told_at_once_at_each_phase_and_now_and_then(tmp_path, caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(starting.time, "monotonic", lambda: now[0])
    told = StartTold(Launch("/models/small", (), reasons=("computes in float32, as it must", "is not compiled")), tmp_path)
    told.look()
    write_status(tmp_path, "queued")
    now[0] += 16
    told.look()
    write_status(tmp_path, "starting")
    (tmp_path / "engine.log").write_text("".join(LOG.splitlines(keepends=True)[:5]))
    now[0] += 3
    told.look()  # too early for another line
    now[0] += 3
    told.look()
    now[0] += 10
    told.look()  # the same phase, and too early
    now[0] += 6
    told.look()
    assert "compiles" in last_line()
    told.ready()
    assert last_line() == ""
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "vLLM for small starts; it computes in float32, as it must; it is not compiled"
    assert "waits for another server" in lines[1]
    assert "compiles" in lines[2]
    assert "22 s" in lines[2]
    assert "38 s" in lines[3]
    assert lines[4] == "vLLM for small answers after 38 s"
    assert len(lines) == 5
