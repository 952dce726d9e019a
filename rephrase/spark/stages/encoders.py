"""Stages that apply encoders: which ones they name, and what their tasks ask of GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.settings import Filter, Screen
from rephrase.settings.paths import EncoderModel, paths_in
from rephrase.spark.runtime.gpus import rewrite_profile

if TYPE_CHECKING:
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

    from rephrase.config.run import Run
    from rephrase.settings.section import Section


def encoders_in(*sections: Section | None) -> list[str]:
    """The encoders that sections of a config name, those of checks too, each once: folders and hub ids."""
    named: list[str] = []
    for section in sections:
        checks = (section.checks or ()) if isinstance(section, Filter | Screen) else ()
        parts = [inner for check in checks for _, inner in check.sections()]
        named += [path for part in (section, *parts) if part is not None for path in paths_in(part, EncoderModel)]
    return list(dict.fromkeys(named))


def encoder_profile(spark: SparkSession, run: Run, section: Section | None) -> ResourceProfile | None:
    """What tasks of a stage ask of their executors where its section names an encoder.

    It is the share of a GPU that tasks of the rewrite stage take, by `rewrite.tasks_per_gpu`. None where it names none,
    and where executors have no GPUs.
    """
    return rewrite_profile(spark, run.rewrite) if encoders_in(section) else None
