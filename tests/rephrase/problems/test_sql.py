"""Questions on data tables: our query passes, changed ones do not, and no query reaches anything but its tables."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from rephrase.errors import UserError
from rephrase.problems import sql
from rephrase.problems.base import Place
from rephrase.problems.sql import SQL_TASK, kinds_of, question_of
from rephrase.problems.tasks import is_right, problem_of

# By kind: what is changed in the query that answers it, each change alone making it wrong.
CHANGES = {
    "count": [(" > ", " >= "), ("COUNT(*)", "COUNT(*) + 1"), (" > ", " < ")],
    "names": [("ORDER BY name", "ORDER BY name DESC"), ("SELECT name", "SELECT id"), ("WHERE", "WHERE NOT")],
    "total": [("SUM", "MAX"), ("WHERE", "WHERE NOT"), ("SUM", "COUNT"), (r"COALESCE\((SUM\(\w+\)), 0\)", r"\1")],
    "groups": [("MAX", "MIN"), ("COUNT(*), ", ""), ("GROUP BY", "WHERE id > 2 GROUP BY")],
    "frequent": [(">=", ">"), ("ORDER BY", "ORDER BY COUNT(*) % 2, LENGTH"), (">=", "<")],
    "largest": [(" DESC", ""), ("DESC, id", "DESC, id DESC"), ("LIMIT", "LIMIT 1 +"), ("DESC, id", "DESC")],
    "totals": [("SUM", "MAX"), ("DESC", "ASC"), ("JOIN", "LEFT JOIN")],
    "without": [("NOT IN", "IN"), (r" WHERE \w+ = '\w+'\)", ")"), ("SELECT name", "SELECT UPPER(name)")],
    "places": [("LEFT ", ""), (r"COUNT\(\w+\.id\)", "COUNT(*)"), ("COUNT", "MAX")],
    "best": [(" DESC, id", ", id"), ("place = 1", "place = 2"), ("DESC, id", "DESC, id DESC"), ("DESC, id", "DESC")],
    "above": [("AVG", "MIN"), (" > ", " < "), (r" WHERE other.*\)", ")")],
    "running": [
        *((r"SUM\(SUM\((\w+)\)\) OVER \(.*?\)\)", r"SUM(\1)"), (r"$", " DESC"), ("SUM", "MAX")),
        *((r"OVER \(.*?\)\)", "OVER (ROWS UNBOUNDED PRECEDING)"), (r"OVER \(.*?\)\)", "OVER ()"), (r" ORDER BY MONTH\(\w+\)$", "")),
    ],
}


def some(kind: str, seeds: int):
    level = next(level for level in range(4) if kind in kinds_of(level))
    places = (Place(SQL_TASK, level, seed, 0) for seed in range(1000))
    return [problem_of(place) for place in islice((place for place in places if question_of(place).kind == kind), seeds)]


def changed(query: str, pattern: str, replacement: str) -> str:
    pattern = pattern if re.search(r"[\\$]|\.\*", pattern) else re.escape(pattern)
    result = re.sub(pattern, replacement, query, count=1)
    assert result != query, (query, pattern)
    return result


def check_queries(kind: str, seeds: int) -> None:
    for problem in some(kind, seeds):
        assert is_right(problem, problem.answer), problem
        passing = [change for change in CHANGES[kind] if is_right(problem, changed(problem.answer, *change))]
        assert passing == [], problem


@pytest.mark.parametrize("kind", CHANGES)
def test_our_query_passes_and_each_changed_one_fails(kind):
    check_queries(kind, 2)


@pytest.mark.long
@pytest.mark.parametrize("kind", CHANGES)
def test_of_twenty_seeds_each_our_query_passes_and_each_changed_one_fails(kind):
    check_queries(kind, 20)


def test_every_kind_is_changed():
    assert list(CHANGES) == [kind for level in range(4) for kind in kinds_of(level)]


def test_other_ways_to_the_same_rows_are_right():
    [problem] = some("totals", 1)
    assert is_right(problem, problem.answer.replace("SUM(", "1.0 * SUM(", 1) + " -- as asked\n;")
    [problem] = some("groups", 1)
    assert is_right(problem, f"WITH a AS ({problem.answer}) SELECT * FROM a ORDER BY 2"), "no order is asked for"


def test_where_the_order_of_rows_decides_a_query_must_ask_for_it():
    [problem] = some("running", 1)
    month, amount, table = re.search(r"(MONTH\(\w+\)), SUM\(SUM\((\w+)\)\).* FROM (\w+)", problem.answer).groups()
    of_months = f"WITH a AS (SELECT {month} AS m, SUM({amount}) AS s FROM {table} GROUP BY 1)"
    assert is_right(problem, f"{of_months} SELECT m, SUM(s) OVER (ORDER BY m) FROM a ORDER BY m")
    assert is_right(problem, f"{of_months} SELECT m, (SELECT SUM(s) FROM a AS b WHERE b.m <= a.m) FROM a ORDER BY 1")
    assert is_right(problem, f"SELECT DISTINCT {month}, SUM({amount}) OVER (ORDER BY {month}) FROM {table} ORDER BY 1")
    for window in ("ROWS UNBOUNDED PRECEDING", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"):
        assert not is_right(problem, f"{of_months} SELECT m, SUM(s) OVER ({window}) FROM a ORDER BY m")
    assert not is_right(problem, f"{of_months} SELECT m, SUM(s) OVER (ORDER BY m) FROM a")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "DROP TABLE students",
        "COPY (SELECT 1) TO 'made.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH 'made.db'",
        "INSTALL httpfs",
        "SET lock_configuration = false",
        "PRAGMA version",
        "SELECT " + "(" * 4000 + "1" + ")" * 4000,
        "SELECT 1" + " " * 20_000,
    ],
)
def test_what_is_no_query_on_the_tables_is_wrong(query):
    [problem] = some("count", 1)
    assert is_right(problem, query) is False


def test_a_query_without_end_is_wrong_and_the_next_one_is_judged():
    [problem] = some("count", 1)
    assert is_right(problem, "SELECT COUNT(*) FROM range(100000000000) AS a, range(1000) AS b WHERE a.range % 7 = b.range") is False
    assert is_right(problem, problem.answer)


def test_a_problem_shows_its_tables_and_is_the_same_every_time():
    place = Place(SQL_TASK, 2, 5, 9)
    problem = problem_of(place)
    assert problem == problem_of(place)
    assert problem.question.count("CREATE TABLE") == 2
    assert "Question: " in problem.question
    assert len({problem_of(Place(SQL_TASK, 2, 5, index)).question for index in range(30)}) == 30


def test_without_duckdb_the_error_names_its_cure(monkeypatch):
    monkeypatch.setattr(sql, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"duckdb is not installed.*rephrase\[procedural\]"):
        problem_of(Place(SQL_TASK, 0, 1, 0))
