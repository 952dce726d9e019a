"""The README.md of a mixture: a dataset card that Hugging Face's hub and `datasets` understand."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import yaml

from rephrase.live.words import counted
from rephrase.text.code.languages import language_named
from rephrase.text.code.notebooks import NOTEBOOK
from rephrase.text.languages import UNKNOWN, primary_language

# Identifiers that the hub knows; other licences are listed as "other" with their name in the text.
_HUB_LICENSES = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|cc|cc0-1\.0|cc-by(-nc)?(-nd|-sa)?-[2-4]\.[05]|cdla-(permissive|sharing)-[12]\.0|gfdl"
    r"|[al]?gpl-[23]\.[01]|mpl-2\.0|odbl|odc-by|pddl|unlicense|unknown"
)
_SIZES = [
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
    "10B<n<100B",
    "100B<n<1T",
    "n>1T",
]

_LOADING = """\
## Loading

```python
from datasets import load_dataset

mixture = load_dataset("parquet", data_files="data/*.parquet", split="train", streaming=True)
for row in mixture:
    print(row["origin"], row["text"][:80])
```

The rows are shuffled over all files of a phase, so that reading them in order is a random order. `text` is the training text;
`document_id` is the id of the original that a synthetic text was made from, and an original's own id. `epoch` counts from 0 how
often a text was used before. `synthetic_depth` counts the models that a text has passed through. `_manifest.json` holds all
counts, the checksum of every file, and the config; files without a manifest beside them are an unfinished mixture.
`croissant.json` describes files and columns for loaders and search.
"""


def _language(name: str) -> str:
    """What the hub calls a language; all of programming are one to it."""
    return "code" if name == NOTEBOOK or language_named(name) else primary_language(name)


def dataset_card(manifest: dict[str, Any]) -> str:
    """The card, in Markdown with a YAML header, of the mixture that a manifest describes."""
    counts = manifest["counts"]
    licenses = [str(count["value"]).lower() if count["value"] else "unknown" for count in counts["license"]]
    languages = {_language(count["value"]) for count in counts["language"] if count["value"]}
    header = {
        "license": sorted({name if _HUB_LICENSES.fullmatch(name) else "other" for name in licenses}),
        "language": sorted(languages - {UNKNOWN}),
        "task_categories": ["text-generation"],
        "size_categories": [_SIZES[min(max(len(str(manifest["rows"])) - 3, 0), len(_SIZES) - 1)]],
        "configs": [{"config_name": "default", "data_files": "data/*.parquet"}],
    }
    if any(count["value"] == "synthetic" for count in counts["origin"]):
        header["tags"] = ["synthetic"]
    models = ", ".join(f"`{model}`" for model in manifest["models"])
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---\n",
        "# Pretraining mixture\n",
        f"{counted(manifest['rows'], 'text')} with {counted(manifest['tokens'], 'token')} in {counted(len(manifest['files']), 'file')}"
        + (f"; synthetic texts were written by {models}" if models else "")
        + ".\n",
        "## Components\n",
        _components(manifest),
        *(_counts(title, counts[column], manifest["tokens"]) for title, column in _TABLES),
        *(_counts(f"Label: {name}", counts, manifest["tokens"]) for name, counts in manifest.get("labels", {}).items()),
        *_models(manifest),
        *_reasoning(manifest),
        _LOADING,
    ]
    return "\n".join(parts)


_TABLES = (("Origins", "origin"), ("Recipes", "recipe"), ("Sources", "source"), ("Licences", "license"))
_LONGEST = 50  # rows of a table; the manifest has them all


def _components(manifest: dict[str, Any]) -> str:
    parts = manifest["components"]
    phases = {part["phase"]: sum(other["tokens"] for other in parts if other["phase"] == part["phase"]) for part in parts}
    rows = [
        [
            f"`{part['name']}`" + (f" in phase {part['phase'] + 1}" if len(phases) > 1 else ""),
            f"{part['rows']:,}",
            f"{part['tokens']:,}",
            f"{part['tokens'] / max(phases[part['phase']], 1):.2%}",
            f"{part['share']:.2%}",
            f"{part['epochs']:.3g}",
        ]
        for part in parts
    ]
    table = _table(["component", "texts", "tokens", "share", "asked for", "epochs"], rows)
    return table + ("\nThe files hold the phases in their order: see `phase` in the manifest.\n" if len(phases) > 1 else "")


def _models(manifest: dict[str, Any]) -> list[str]:
    """Which steps of the mixture's recipes another model answered than the one that answered all others."""
    used = {count["value"] for count in manifest["counts"]["recipe"]}
    engines = {recipe: steps for recipe, steps in manifest.get("engines", {}).items() if recipe in used}
    rows = [[_cell(recipe), _cell(step), _cell(engine["model"])] for recipe, steps in engines.items() for step, engine in steps.items()]
    if not rows:
        return []
    writer = manifest["engine"]["model"]
    others = [f"All other steps were answered by `{writer}`.\n"] if writer in manifest["models"] else []
    return ["## Models\n", _table(["recipe", "step", "model"], rows), *others]


def _reasoning(manifest: dict[str, Any]) -> list[str]:
    """How texts hold what models thought before they wrote them, if they do."""
    mix = manifest.get("config", {}).get("mix", {})
    kind = mix.get("reasoning", "drop")
    if kind == "drop":
        return []
    marks = "` and `".join(mark.strip() for mark in mix["reasoning_marks"])
    with_what = "an empty line between" if kind == "keep" else f"`{marks}` around it"
    return [f"## Reasoning\n\nWhat a model thought before it wrote a text stands before that, with {with_what}.\n"]


def _counts(title: str, counts: Sequence[dict[str, Any]], tokens: int) -> str:
    rows = [
        [_cell(count["value"]), f"{count['rows']:,}", f"{count['tokens']:,}", f"{count['tokens'] / max(tokens, 1):.2%}"] for count in counts
    ]
    more = f"\nand {len(rows) - _LONGEST:,} more.\n" if len(rows) > _LONGEST else ""
    return f"## {title}\n\n" + _table(["", "texts", "tokens", "share"], rows[:_LONGEST]) + more


def _cell(value: Any) -> str:
    """A value of the documents, such as a source, as text: nothing in it is HTML, a link or the end of a cell."""
    return "(none)" if value is None else re.sub(r"([\\`*_\[\]|!])", r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(heads), ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
