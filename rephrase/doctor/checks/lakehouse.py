"""The tables of a lakehouse that the run is to give its own to: whether their packages and catalogs are there."""

from __future__ import annotations

from collections.abc import Sequence

from rephrase.doctor.check import Check
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.spark.stages.lakehouse import check_table


def _tables(site: Site) -> Sequence[str]:
    return list(site.run.tables) if site.on_driver else []


def _look(key: str, site: Site) -> Outcome:
    return Outcome(f"{key}: {check_table(site.run, key).title}")


TABLES = Check("tables", _tables, _look, "look at the network between this machine and the catalog", takes=2)
