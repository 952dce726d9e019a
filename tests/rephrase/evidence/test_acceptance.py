"""The whole of it on a CPU: mixtures of clean text and noise, a proxy model on each, and a fit that finds the clean one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rephrase.cli.main import main
from rephrase.evidence.swarm import Mixture, Part, Swarm
from tests.rephrase.evidence.packs import LENGTH, clean, held_out, noise, pack


@pytest.mark.long
def test_the_fit_finds_the_clean_source_and_says_how_sure_it_is(tmp_path: Path, tokenizer_file: str, capsys) -> None:
    pack(tmp_path / "packed", {"part-00000-000": clean(1, 80), "part-00001-000": noise(2, 80)}, tokenizer_file)
    parts = tuple(
        Part(name, {"source": name}, 0.0, 1.0, 0.5, (f"data/part-0000{number}-000.parquet",))
        for number, name in enumerate(("clean", "noise"))
    )
    shares = (0.5, 0.9, 0.1, 0.7, 0.3, 1.0, 0.0, 0.6)
    mixtures = tuple(Mixture(f"{number:03d}", (share, 1 - share)) for number, share in enumerate(shares))
    Swarm(150 * LENGTH, parts, mixtures, {}).save(str(tmp_path))
    held = held_out(tmp_path / "held.jsonl", clean(50, 6))
    main(["proxy", str(tmp_path), "--held-out", f"web={held}", "--size", "1m", "--device", "cpu", "--batch", "256"])
    capsys.readouterr()
    main(["swarm", "fit", str(tmp_path / "results.csv")])
    out = capsys.readouterr().out
    components = yaml.safe_load(out[out.index("components:") :])["components"]
    assert components[0]["source"] == "clean"
    assert components[0]["share"] > 0.9
    assert "More of `clean` helps most" in out
    assert "it is told from noise" in out
