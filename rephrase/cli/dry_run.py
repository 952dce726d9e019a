"""`rephrase filter --dry-run`: the funnel that other thresholds would give, from kept scores, in seconds and without Spark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from classifiers.cascade import Cascade, build_cascade
from classifiers.rejudge import rejudged
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import counted
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import stage_note
from rephrase.spark.stages.run_tables import check_begun, objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.config.run import Run

_COLUMNS = ["recipe", "source", "verdict", "scores", "n_tokens"]


def dry_run(run: Run, console: Console | None = None) -> None:
    """Print how many rows each check would reject, next to what it did when the filter stage ran.

    Raises `UserError` for a missing table, a check that never ran, and settings that scores depend on and that differ.
    """
    check_begun(run.output)
    console = console or PlainConsole()
    cascade = build_cascade(run.filter)
    folder = Tables.JUDGED.folder(run.output)
    paths = objects_of(run.output, Tables.JUDGED)
    _check_scoring(stage_note(folder)["meaning"]["checks"], cascade)
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    kept: dict[str, Counter[str]] = {}
    tokens = unknown = 0
    for path in paths:
        table = tables.read(path, _COLUMNS)
        old, new = table.column("verdict").to_pylist(), rejudged(table, cascade)
        before.update(old)
        after.update(new)
        for recipe, was, now, count in zip(table.column("recipe").to_pylist(), old, new, table.column("n_tokens").to_pylist(), strict=True):
            if now != INTERMEDIATE:
                kept.setdefault(recipe, Counter()).update({"rows": 1, "was": was == KEEP, "now": now == KEEP})
            tokens += count if now == KEEP else 0
            unknown += now == KEEP and was != KEEP
    _print(console, cascade.names, before, after)
    _print_recipes(console, kept)
    more = f" and those of {counted(unknown, 'row')} that are not counted yet" if unknown else ""
    console.print(f"kept: {counted(after[KEEP], 'row')}, {counted(tokens, 'token')}{more} (before: {counted(before[KEEP], 'row')})")


def _check_scoring(then: list[dict[str, Any]], cascade: Cascade) -> None:
    """Refuse settings, models and benchmarks that would have given other scores than those of the checks that ran `then`."""
    ran = {check["name"]: check for check in then}
    for check, now in zip(cascade.checks(""), cascade.describe(), strict=True):
        place = f"filter.checks.{check.name}"
        if check.name not in ran:
            cure = "run the filter stage with it in another `output`: a dry run only moves thresholds"
            raise UserError(f"the check `{check.name}` did not run, and left no scores", where=place, cure=cure)
        before = ran[check.name]
        if before["check"] != now["check"]:
            changed = f"it is `{now['check']}` and was `{before['check']}`"
        elif differing := [name for name in check.scored_by if _by_recipe(before, name) != _by_recipe(now, name)]:
            changed = f"its {', '.join(differing)} differ{'s' if len(differing) == 1 else ''}"
        elif others := [name for name in check.identity() if _by_recipe(before, name) != _by_recipe(now, name)]:
            changed = f"its {others[0].replace('_digest', '')} changed since the filter stage ran"  # model_digests: its models
        else:
            continue
        cure = "run the filter stage in another `output`: a dry run only moves thresholds"
        raise UserError(f"`{check.name}` would give other scores: {changed}", where=place, cure=cure)


def _by_recipe(check: dict[str, Any], name: str) -> dict[str, Any]:
    """A setting, or a digest, as it is for all recipes and for those that have their own."""
    settings = {"": check["settings"], **check["recipes"]}
    return {pattern: orjson.loads(orjson.dumps(of_pattern.get(name))) for pattern, of_pattern in settings.items()}


def _print(console: Console, names: list[str], before: Counter[str], after: Counter[str]) -> None:
    table = Table(title="rows by verdict", title_justify="left")
    table.add_column("check")
    for column in ("left", "rejects", "before"):
        table.add_column(column, justify="right")
    left = sum(after.values()) - after[INTERMEDIATE]
    for name in dict.fromkeys([*names, *(set(before) | set(after)) - {KEEP, INTERMEDIATE}]):
        table.add_row(name, f"{left:,}", f"{after[name]:,}", f"{before[name]:,}")
        left -= after[name]
    table.add_section()
    table.add_row(KEEP, f"{left:,}", "", f"{before[KEEP]:,}")
    console.print(table)


def _print_recipes(console: Console, kept: dict[str, Counter[str]]) -> None:
    table = Table(title="kept by recipe", title_justify="left")
    for column in ("recipe", "rows", "kept", "before"):
        table.add_column(column, justify="left" if column == "recipe" else "right")
    for recipe, counts in sorted(kept.items()):
        shares = [f"{counts[when]:,} ({counts[when] / counts['rows']:.0%})" for when in ("now", "was")]
        table.add_row(recipe, f"{counts['rows']:,}", *shares)
    console.print(table)
