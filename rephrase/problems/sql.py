"""Questions on data tables, whose answers are queries: right is what gives the same rows as ours on several databases."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from rephrase.errors import UserError
from rephrase.problems.base import Place, Problem
from rephrase.verifiers.children import Children
from rephrase.verifiers.sandbox import check_machine

SQL_TASK = "sql/tables"
HIGHEST_LEVEL = 3
_DATABASES = 4  # that the two queries are compared on; every other one has what tells near queries apart
_SHOWN = 4  # rows of each table that a problem shows
_LONGEST = 10_000  # characters of a query
_YEAR = date(2023, 1, 1)

_children = Children(Path(__file__).with_name("sql_child.py"), "DuckDB", "pip install 'rephrase[procedural]'")


@dataclass(frozen=True)
class Database:
    """The rows of the two tables, each in the order of its columns."""

    parents: tuple[tuple[Any, ...], ...]  # id, name, place, since
    children: tuple[tuple[Any, ...], ...]  # id, parent, category, amount, value, day


@functools.cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = yaml.safe_load(files("rephrase.problems").joinpath("sql.yaml").read_text(encoding="utf-8"))
    return texts


def kinds_of(level: int) -> list[str]:
    """The kinds of questions of a level, by name."""
    return [name for name, kind in _texts()["kinds"].items() if kind["level"] == level]


@dataclass(frozen=True)
class Question:
    """A question on tables, with the query that answers it, and the databases that queries are compared on."""

    kind: str
    words: Mapping[str, str]
    query: str
    databases: tuple[Database, ...]

    @property
    def ordered(self) -> bool:
        """Whether the order of the rows is asked for."""
        return bool(_texts()["kinds"][self.kind].get("ordered"))

    @property
    def text(self) -> str:
        """The tables, some of their rows, and the question."""
        first = self.databases[0]
        asked = _texts()["kinds"][self.kind]["question"].format(**self.words)
        shown = {"parent_rows": _written(first.parents), "child_rows": _written(first.children)}
        return str(_texts()["text"].format(**self.words, **shown, question=asked)).strip()

    def statements(self) -> Iterator[list[str]]:
        """For each database what makes it."""
        create = [line.strip() for line in self.text.splitlines() if line.startswith("CREATE TABLE")]
        for database in self.databases:
            rows = ((self.words["parent"], database.parents), (self.words["child"], database.children))
            yield [*create, *(" ".join(["INSERT INTO", table, "VALUES", ", ".join(map(_literal, several))]) for table, several in rows)]


def question_of(place: Place) -> Question:
    """The question of a place. The same everywhere."""
    rng = random.Random(place.draw(str(place.index)))
    theme = rng.choice(_texts()["themes"])
    databases = tuple(_database(rng, theme, telling=number % 2 == 1) for number in range(_DATABASES))
    kind = rng.choice(kinds_of(place.level))
    amounts = sorted(child[3] for child in databases[0].children)
    categories = [child[2] for child in databases[0].children]
    words = {name: value for name, value in theme.items() if isinstance(value, str)} | {
        "bound": str(amounts[2 * len(amounts) // 3]),
        "some_place": rng.choice([parent[2] for parent in databases[0].parents]),
        "some_category": rng.choice(categories),
        "times": str(sorted(map(categories.count, set(categories)))[len(set(categories)) // 2]),
        "few": str(rng.randint(3, 6)),
    }
    return Question(kind, words, _texts()["kinds"][kind]["query"].format(**words), (*databases[:-1], _without(databases[-1], words)))


def sql_problem(place: Place) -> Problem:
    """The problem of a place: the question, and our query as its answer. Raises `UserError` where DuckDB is not there to check others."""
    if find_spec("duckdb") is None:
        raise UserError("the package duckdb is not installed", where=f"task `{SQL_TASK}`", cure="pip install 'rephrase[procedural]'")
    question = question_of(place)
    return Problem(place, question.text, question.query)


def is_right_query(problem: Problem, query: str) -> bool:
    """Whether a query gives the rows that ours gives, on each database; in their order where the question asks for one.

    What is no single SELECT, fails, or takes too long is wrong. Raises `UserError` where DuckDB or the sandbox is not there.
    """
    if len(query) > _LONGEST:
        return False
    check_machine()
    place = problem.place
    asked = {"task": place.task, "level": place.level, "seed": place.seed, "index": place.index, "gold": problem.answer, "query": query}
    return _children.ask(asked) is True


def _database(rng: random.Random, theme: Mapping[str, Sequence[str]], *, telling: bool) -> Database:
    """Rows for the two tables. `telling`: many amounts are equal, and one of the parents, without any children, is alone in its place."""
    names = rng.sample(_texts()["names"], rng.randint(7, 12))
    alone, *others = theme["places"]
    places = [alone if telling else rng.choice(theme["places"]), *(rng.choice(others if telling else theme["places"]) for _ in names[1:])]
    parents = tuple(
        (number, name, place, rng.randint(2015, 2022)) for number, (name, place) in enumerate(zip(names, places, strict=True), 1)
    )
    active = [parent[0] for parent in parents[1:] if rng.random() < 0.8] or [2]
    most = 4 if telling else 30
    days = [_YEAR + timedelta(rng.randrange(365)) for _ in range(rng.randint(24, 40))]
    children = tuple(
        (number, rng.choice(active), rng.choice(theme["categories"]), rng.randint(1, most), f"{rng.randint(100, 9999) / 100:.2f}", str(day))
        for number, day in enumerate(days, 1)
    )
    # Rows that lie by their ids would come out in the order that was asked for, whether the query says so or not.
    return Database(parents[::-1], children[::-1]) if telling else Database(parents, children)


def _without(database: Database, words: Mapping[str, str]) -> Database:
    """The database without the category that is asked for, as a question may be of what is not there."""
    others = tuple(child for child in database.children if child[2] != words["some_category"])
    return Database(database.parents, others or database.children)


def _literal(row: tuple[Any, ...]) -> str:
    return f"({', '.join(str(value) if isinstance(value, int) else repr(value) for value in row)})"


def _written(rows: Sequence[tuple[Any, ...]]) -> str:
    return "\n".join(" | ".join(map(str, row)) for row in rows[:_SHOWN])
