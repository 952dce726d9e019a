"""How well a run's scrubbing finds personal data: measured on its labelled set, kept beside its documents for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from classifiers.entities.evaluate import ANY_KIND, evaluate, read_labelled, to_json
from rephrase import storage
from rephrase.readers.settings import StandIns
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.meaning import digest

if TYPE_CHECKING:
    from rephrase.readers.entities import Entities
    from rephrase.readers.settings import Input

_FILE = "_scrubbing.json"


def entities_of(config: Input) -> Entities | None:
    """What recognises entities in this run, if anything does."""
    return config.scrub.entities if isinstance(config.scrub, StandIns) else None


def measure_scrubbing(config: Input, documents: str) -> None:
    """Write the figures of `input.scrub.labelled` into the folder of the documents, unless those of the same texts are there.

    Raises `UserError` as `read_labelled` and `recogniser` do.
    """
    if not isinstance(config.scrub, StandIns) or config.scrub.labelled is None:
        return
    labelled = read_labelled(config.scrub.labelled)
    texts = digest([[text.text, [[span.start, span.end, span.kind] for span in text.spans]] for text in labelled])
    before = scrubbing_measured(documents)
    if before is not None and before["digest"] == texts:  # another model would be another run
        return
    ways = evaluate(labelled, config.scrub)
    content = {"labelled": config.scrub.labelled, "digest": texts, **to_json(labelled, ways)}
    storage.put(storage.join(documents, _FILE), orjson.dumps(content, option=orjson.OPT_INDENT_2))
    name, way = list(ways.items())[-1]
    whole = way.kinds[ANY_KIND]
    rates = ", ".join(
        f"{rate:.3f} {label}" for label, rate in (("precision", whole.precision), ("recall", whole.recall)) if rate is not None
    )
    console.print(f"shard: personal data on {len(labelled):,} labelled texts ({name}): {rates}", soft_wrap=True)


def scrubbing_measured(documents: str) -> dict[str, Any] | None:
    """The figures that are there, as `to_json` of `evaluate.py` gives them, with `labelled`; None where there are none."""
    try:
        content: dict[str, Any] = orjson.loads(storage.read(storage.join(documents, _FILE)))
    except FileNotFoundError:
        return None
    return content
