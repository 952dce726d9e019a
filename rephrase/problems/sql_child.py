"""The process that runs queries on DuckDB, shut in: without files, network or settings, with bounds on time, memory and rows.

A question names a place, our query and another one; the answer is whether both give the same rows on all databases of the place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from rephrase.problems.base import Place
from rephrase.problems.sql import SQL_TASK, question_of
from rephrase.verifiers.serving import serve

_SECONDS = 2.0  # of processor time for all databases of a question; most take some hundredths
_MOST_ROWS = 10_000
_DIGITS = 6  # to which numbers must agree
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "memory_limit": "256MB",
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "perfect_ht_threshold": "0",  # groups would come out in the order of their keys, and hide that a query asks for none
    "lock_configuration": "true",
}


def _begin() -> Callable[[Any], bool]:
    import duckdb

    question_of(Place(SQL_TASK, 0, 0, 0))  # the wording is read before files are out of reach
    return partial(_answer, duckdb.connect(":memory:", config=_SETTINGS))  # which asks the system how much memory there is


def _answer(database: Any, asked: dict[str, Any]) -> bool:
    question = question_of(Place(asked["task"], asked["level"], asked["seed"], asked["index"]))
    for statements in question.statements():
        database.begin()
        try:
            for statement in statements:
                database.execute(statement)
            gold, rows = _rows(database, asked["gold"]), _rows(database, asked["query"])
        except Exception:  # noqa: BLE001  # whatever a query fails by, it is not shown to be right
            return False
        finally:
            database.rollback()
        if gold != rows if question.ordered else sorted(gold) != sorted(rows):
            return False
    return not question.ordered or _says_order(database, asked["query"])


def _says_order(database: Any, query: str) -> bool:
    """Whether a query itself says an order, and not a part of it alone, by whose way of work its rows may come out in order."""
    [(written,)] = database.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    tree = json.loads(written)
    if tree["error"]:  # a form of SELECT that cannot be written as JSON
        return True
    return any(modifier["type"] == "ORDER_MODIFIER" for modifier in tree["statements"][0]["node"]["modifiers"])


def _rows(database: Any, query: str) -> list[tuple[str, ...]]:
    """What a single SELECT gives. Raises DuckDB's exceptions, and `ValueError` for other statements or many rows."""
    import duckdb

    found = database.extract_statements(query)
    if [statement.type for statement in found] != [duckdb.StatementType.SELECT]:
        raise ValueError("no single SELECT")
    rows = database.execute(found[0]).fetchmany(_MOST_ROWS + 1)
    if len(rows) > _MOST_ROWS:
        raise ValueError("too many rows")
    return [tuple(map(_value, row)) for row in rows]


def _value(value: Any) -> str:
    """The value as a text that is the same for all ways to write it: 3, 3.0 and a decimal 3.00 are one number."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.{_DIGITS}g}"
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second or value.microsecond):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else repr(value)


if __name__ == "__main__":
    serve(_begin, _SECONDS, lost=False, confined=())
