"""A user's package brings kinds of its own: they are found, checked, explained and used by a whole run like ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from rephrase.storage import tables
from tests.places import ROOT

ENGINE_AND_RECIPE = '''
"""An engine that shouts, and a recipe that asks it for the start of each document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from rephrase.engines.base import Completion, Engine, Identity
from rephrase.engines.settings import EngineSettings, engines
from rephrase.recipes.base import Paper, Recipe, Step, Prompt, whole_text
from rephrase.recipes.registry import recipe
from rephrase.engines.base import Sampling
from rephrase.settings.paths import File
from rephrase.settings.section import Section


@engines.register("shout")
class ShoutSettings(EngineSettings):
    """Shouts what it is asked."""

    kind: Literal["shout"]
    token: str = ""
    """Whatever it needs to shout."""
    words: File

    secret = frozenset({"token"})

    @property
    def model_name(self) -> str:
        return "shout-1"

    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> "Shout":
        return Shout(open(self.words).read().strip())


class Shout(Engine):
    model = "shout-1"
    identity = Identity("shout")
    batch_size = 8
    concurrency = 8

    def __init__(self, word: str) -> None:
        self.word = word

    async def complete(self, requests):
        return [Completion(f"{self.word} {request.messages[-1].content.upper()}", "stop", 1, 1) for request in requests]


class Options(Section):
    """Options of `mine/start`."""

    characters: int = Field(default=200, ge=1)


@dataclass(frozen=True)
class Start(Step):
    characters: int
    name = "start"

    def prompts(self, row, tokenizer):
        span = (0, min(self.characters, len(row.document.text)))
        yield Prompt.from_user(row.document.text[: span[1]], span, Sampling(max_tokens=64))

    def parse(self, prompt, completion, tokenizer):
        return whole_text(completion)

    def describe(self):
        return {"characters": self.characters}


@recipe("mine/start", Options)
def build(options, sampling):
    return Recipe("mine/start", Paper("Mine", "https://example.org"), (Start(options.characters),), "The start, shouted.")
'''

CHECK = '''
"""A check of the share of a letter."""

from dataclasses import dataclass

import numpy as np

from classifiers.batch import Check, within
from classifiers.checks import checks
from pydantic import Field
from rephrase.settings.section import Section


class LetterSettings(Section):
    """A letter and how much of a text it may be."""

    letter: str
    max: float = Field(default=1, ge=0, le=1)
    """Share of the characters."""


@checks.register("letter")
@dataclass(frozen=True, slots=True)
class Letter(Check):
    """Rejects texts with too much of a letter."""

    name: str
    settings: LetterSettings
    Settings = LetterSettings
    scored_by = ("letter",)

    def score(self, batch):
        counts = [text.count(self.settings.letter) / len(text) if text else np.nan for text in batch.texts]
        return {self.name: np.array(counts, np.float64)}

    def decide(self, scores):
        return within(scores[self.name], None, self.settings.max)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder on the path with two modules: one that its package names as an entry point, and one that a run.yaml names."""
    site = tmp_path / "site"
    installed = site / "shouting-1.0.dist-info"
    installed.mkdir(parents=True)
    (site / "shouting.py").write_text(ENGINE_AND_RECIPE)
    (site / "letters_of_mine.py").write_text(CHECK)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[rephrase.plugins]\nshouting = shouting\n")
    return site


def rephrase(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "rephrase.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def write_run(folder: Path, tokenizer: str, **changes: object) -> str:
    texts = ["The tide rises twice a day and falls twice a day in the harbour.", "Zebras zigzag, buzz, fizz and jazz: zzz zzz zzz zzz zzz."]
    (folder / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (folder / "word.txt").write_text("HEAR:")
    config = {
        "plugins": "letters_of_mine",
        "output": "out",
        "input": {"paths": "notes.jsonl", "min_characters": 1},
        "tokenizer": tokenizer,
        "engine": {"kind": "shout", "words": "word.txt", "token": "secret"},
        "recipes": [{"use": "mine/*", "options": {"characters": 60}}],
        "filter": {"checks": ["parsed", {"zeds": {"use": "letter", "letter": "Z", "max": 0.1}}]},
        "mix": {"components": [{"origin": "synthetic", "share": 1}]},
        **changes,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)


def test_a_whole_run_uses_them(package, tmp_path, tokenizer_file):
    done = rephrase(package, "run", write_run(tmp_path, tokenizer_file), "--master", "local[2]")
    assert done.returncode == 0, done.stderr
    written = tables.read_folder(str(tmp_path / "out" / "generations")).to_pylist()
    assert {(row["model"], row["recipe"]) for row in written} == {("shout-1", "mine/start")}
    assert all(row["text"].startswith("HEAR: ") and row["span_end"] <= 60 for row in written)
    judged = tables.read_folder(str(tmp_path / "out" / "judged")).to_pylist()
    assert Counter(row["verdict"] for row in judged) == {"keep": 1, "zeds": 1}
    manifest = json.loads((tmp_path / "out" / "mixture" / "_manifest.json").read_text())
    assert manifest["config"]["engine"] == {"kind": "shout", "words": str(tmp_path / "word.txt")}, "what is secret stays at home"
    assert manifest["config"]["filter"]["checks"][1] == {"zeds": {"use": "letter", "letter": "Z", "max": 0.1}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": {"kind": "shout", "word": "a"}}, "line 9: unknown key `engine.word` (did you mean `words`?)"),
        ({"recipes": [{"use": "mine/start", "options": {"character": 1}}]}, "unknown option `character` (did you mean `characters`?)"),
        ({"filter": {"checks": [{"letter": {"leter": "Z"}}]}}, "unknown key `filter.checks.0.letter.leter` (did you mean `letter`?)"),
        ({"filter": {"checks": ["leter"]}}, "unknown check `leter` (did you mean `letter`?)"),
        ({"plugins": []}, "unknown check `letter`"),
    ],
)
def test_mistakes_in_their_settings_are_told_as_those_in_ours(changes, message, package, tmp_path, tokenizer_file):
    done = rephrase(package, "status", write_run(tmp_path, tokenizer_file, **changes))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_they_are_explained_and_listed(package):
    keys = rephrase(package, "config", "engine").stdout
    assert "engine.token (shout)  str" in keys
    assert "Whatever it needs to shout." in keys
    assert "mine/start" in rephrase(package, "recipes", "mine").stdout
    assert '"shout"' in rephrase(package, "config", "--schema").stdout
