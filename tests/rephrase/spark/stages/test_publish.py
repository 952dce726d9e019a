"""A finished mixture goes to the hub, with its card, in as many commits as it takes. The hub is a stand-in; its client is the real one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from rephrase import UserError, storage
from rephrase.cli.main import main
from rephrase.spark.stages import publish as publishing
from rephrase.spark.stages.publish import publish
from tests.hub_stand_in import HubStandIn, hub_stand_in

CARD = b"---\nlicense: [mit]\n---\n# Pretraining mixture\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with hub_stand_in() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # a protocol of its own servers
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
        yield server


def _mixture(folder: str) -> dict[str, bytes]:
    """Store what a mixture consists of; its files."""
    data = {f"data/part-{number:05d}.parquet": bytes([number]) * 5000 for number in range(5)}
    described = [{"name": name, "bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()} for name, part in data.items()]
    manifest = orjson.dumps({"rows": 5, "tokens": 50, "components": [], "files": described})
    files = {**data, "README.md": CARD, "croissant.json": b"{}", "_manifest.json": manifest}
    for name, content in files.items():
        storage.put(storage.join(folder, name), content)
    return files


@pytest.mark.parametrize("place", ["disk", "s3"])
def test_a_mixture_becomes_a_private_dataset_with_its_card(
    hub: HubStandIn, place: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path) if place == "disk" else f"{request.getfixturevalue('bucket')}/mixture"
    files = _mixture(folder)
    main(["export", "--from", folder, "--to", "hf://datasets/acme/mixture"])
    assert hub.datasets["acme/mixture"] == files
    assert hub.private == {"acme/mixture"}
    assert sorted(hub.commits[-1]) == ["README.md", "_manifest.json", "croissant.json"]
    assert "5 data files and the dataset card, to hf://datasets/acme/mixture" in capsys.readouterr().err


def test_what_is_there_is_not_sent_again(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_BATCH_FILES", 2)
    files = _mixture(str(tmp_path))
    assert publish(str(tmp_path), "hf://datasets/acme/mixture") == 5
    assert [len(commit) for commit in hub.commits] == [2, 2, 1, 3]
    del hub.datasets["acme/mixture"]["data/part-00003.parquet"]  # as where a try had ended midway
    assert publish(str(tmp_path), "hf://datasets/acme/mixture") == 1
    assert hub.commits[4] == ["data/part-00003.parquet"]
    assert hub.datasets["acme/mixture"] == files


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--to", "hf://acme/mixture"], "names no dataset .*hf://datasets/ORG/NAME"),
        (["--to", "hf://datasets/acme/mixture", "--format", "mds"], "the mixture as it is, in Parquet"),
        (["--to", "hf://datasets/acme/mixture"], "no finished mixture here .*rephrase mix"),
        (["--to", "out"], "which format"),
    ],
)
def test_what_cannot_be_published_is_told(
    hub: HubStandIn, tmp_path: Path, arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", "--from", str(tmp_path), *arguments])
    assert re.search(what, " ".join(capsys.readouterr().err.split()))
    assert hub.datasets == {}


def test_a_hub_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _mixture(str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"the hub does not answer: .*HF_ENDPOINT"):
        publish(str(tmp_path), "hf://datasets/acme/mixture")
