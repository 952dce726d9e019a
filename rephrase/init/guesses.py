"""What `guesses.yaml` holds: names of fields, sizes and models, typed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Guesses:
    """Names of fields by what they hold, the most telling first; and the models by the memory of a GPU in GiB, the largest first."""

    fields: dict[str, list[str]]
    small_corpus_bytes: int
    models: list[tuple[float, str]]

    def model_for(self, gpu_gib: float) -> str:
        """The default model where the smallest GPU has so much memory; 0: there is none."""
        return next(model for least, model in self.models if gpu_gib >= least)


@functools.cache
def guesses() -> Guesses:
    """The file, read."""
    data = yaml.safe_load(Path(__file__).with_name("guesses.yaml").read_text(encoding="utf-8"))
    models = sorted(((float(entry["gpu_gib"]), str(entry["model"])) for entry in data["models"]), reverse=True)
    return Guesses(data["fields"], data["small_corpus_bytes"], models)
