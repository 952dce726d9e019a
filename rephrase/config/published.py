"""What may be told of a run's settings: all but what may be secret."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rephrase.config.run import Run

REDACTED = "(?i)secret|password|token|access[.]?key"  # Spark's own `spark.redaction.regex`


def published(run: Run, *, exclude: Collection[str] = (), exclude_defaults: bool = True) -> dict[str, Any]:
    """The settings of a run as JSON values, without `exclude`, the keys that engines call secret, and what Spark would not show either.

    Reports, comparisons of runs and manifests have nothing else of a config.
    """
    left_out: dict[str, Any] = dict.fromkeys([*exclude, "tables"], True)
    engines = {name: set(settings.secret) for name, settings in run.engines.items()}
    left_out |= {"engines": engines, "engine": set(run.engine.secret) if run.engine else set()}
    if "spark" not in exclude:
        secret = re.compile(REDACTED)
        left_out["spark"] = {"conf": {name for name, value in run.spark.conf.items() if secret.search(f"{name}={value}")}}
    return run.model_dump(mode="json", exclude=left_out, exclude_defaults=exclude_defaults)
