"""Configs that are damaged: of a short run, and of one with labels, grids, curves, searches for duplicates and scrubbing."""

from __future__ import annotations

import random
from pathlib import Path

from rephrase.config.file import load_run
from rephrase.errors import UserError
from tests.fuzz.inputs import TOKENIZER, Target
from tests.fuzz.mutations import text_like

_SHORT = f"""\
output: out
input: {{paths: [notes.jsonl], min_characters: 300, fields: {{text: body}}, scrub: {{emails: MAIL}}}}
tokenizer: {TOKENIZER}
engine: {{kind: echo}}
recipes:
  - wrap/easy
  - {{use: entigraph, options: {{triples: 0.5}}, when: {{languages: en, min_tokens: 20}}}}
filter:
  checks: [finished, {{length: {{min_words: 20}}}}]
mix:
  components:
    - {{origin: original, share: 0.6}}
    - {{origin: synthetic, share: 0.4}}
"""
_DIVIDED = f"""\
output: out
input:
  paths: [notes.jsonl, "s3://corpus/*.parquet"]
  unit_bytes: 1000000
  labels: {{topic: {{model: models/topic.bin, min_probability: 0.6}}, format: {{field: metadata.format}}}}
  scores: {{quality: models/quality.bin}}
tokenizer: {TOKENIZER}
engine: {{kind: vllm, model: org/model, trust_remote_code: false, args: [--max-num-seqs, "8"], env: {{HF_TOKEN: hidden}}}}
recipes: [{{use: nemotron/diverse_qa, when: {{labels: {{topic: "Science*", format: [Knowledge Article, Tutorial*]}}}}}}]
filter: {{labels: {{topic: {{model: models/topic.bin}}}}}}
spark: {{conf: {{spark.hadoop.fs.s3a.secret.key: hidden}}, executor_env: [HF_TOKEN]}}
mix:
  budget_tokens: 6_000_000
  components:
    - {{origin: original, share: 0.8, by: [topic, {{score: quality, quantiles: 20}}], curve: {{drop_below: 0.4, max_epochs: 7}}}}
    - {{origin: synthetic, share: 0.2, by: [source, {{score: quality, edges: [0.2, 0.5]}}], temperature: 2}}
"""


def configs(folder: str) -> Target:
    """A run.yaml: it is taken, or refused by a `UserError` of one line."""
    path = Path(folder, "run.yaml")
    for text in (_SHORT, _DIVIDED):
        path.write_text(text)
        load_run(str(path))  # so that it is the damage which is refused

    def target(dice: random.Random) -> None:
        path.write_bytes(text_like(dice.choice([_SHORT, _DIVIDED]), dice).encode("utf-8", "surrogatepass"))
        told = ""
        try:
            load_run(str(path))
        except UserError as error:
            told = str(error)
        assert "\n" not in told, "an error of more than a line"

    return target
