"""Functions taken out of their files with what they need, and their mutants."""

from __future__ import annotations

import ast
import statistics
import textwrap
from pathlib import Path

import pytest

from rephrase.verifiers.functions import functions_of
from rephrase.verifiers.mutants import mutants_of
from rephrase.verifiers.sandbox import Limits, run_python
from rephrase.verifiers.scopes import NotPythonError, is_self_contained

FILE = '''\
"""Statistics."""
import math
import requests
from collections import Counter

LIMIT = 10  # the most

def _check(values):
    if not values:
        raise ValueError("no values")


def median(values):
    """The middle."""
    _check(values)
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def fetched(url):
    return requests.get(url)


def missing(value):
    return helper(value)


def shown(value):
    print(value)


def test_median():
    return median([1])


@staticmethod
def capped(value): return min(value, LIMIT)
'''


def test_a_function_comes_with_what_it_needs_word_for_word_and_nothing_else():
    median, capped = functions_of(FILE, 6000)
    assert [median.name, capped.name] == ["median", "capped"], "nothing foreign, missing, private, a test, or without a result"
    check, function = FILE[FILE.index("def _check") : FILE.index("\n\n\ndef median")], FILE[slice(*median.span)]
    assert median.program == f"{check}\n\n\n{function}\n"
    assert function.startswith("def median")
    assert function.endswith("/ 2")
    assert capped.program == "LIMIT = 10  # the most\n\n\n@staticmethod\ndef capped(value): return min(value, LIMIT)\n"


def test_a_long_program_is_left_out():
    assert [function.name for function in functions_of(FILE, 200)] == ["capped"]


@pytest.mark.parametrize(
    "source", ["", "no Python at all", "from os import *\ndef f():\n    return 1", "def f():\n    return 1\ndef f():\n    return 2"]
)
def test_files_without_a_function_that_stands_alone_give_none(source):
    assert list(functions_of(source, 6000)) == []


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_spans_are_those_of_the_file_whatever_ends_its_lines(ends):
    source = f"import math{ends}# ein Maß{ends}def area(r):{ends}    return math.pi * r ** 2{ends}"
    [function] = functions_of(source, 6000)
    assert source[slice(*function.span)] == f"def area(r):{ends}    return math.pi * r ** 2"


def test_functions_of_a_real_file_stand_alone():
    functions = list(functions_of(Path(statistics.__file__).read_text(encoding="utf-8"), 20_000))
    assert {"fmean", "correlation"} <= {function.name for function in functions}
    assert all(is_self_contained(function.program) for function in functions)


def test_a_file_of_thousands_of_functions_is_read_in_time():
    source = (
        "\n".join(f"def f{n}(x):\n    return f{n - 1}(x) if x else LIMIT" for n in range(1, 2000))
        + "\nLIMIT = 1\ndef f0(x):\n    return x\n"
    )
    assert next(functions_of(source, 6000)).name == "f1"


CLAMP = '''\
LIMIT = 3


def clamp(value: "int", low: int = 0) -> int:
    """The value, or a bound: 7 is 3."""
    if value < low and low + 1 > 0:
        raise ValueError(f"{value} < {low + 1}")
    return min(value, LIMIT)
'''


def test_mutants_have_one_fault_each_in_the_function_alone():
    mutants = mutants_of(CLAMP, "clamp", 100, "seed")
    kinds = sorted(mutant.kind for mutant in mutants)
    assert kinds == ["arithmetic", "condition", "constant", "constant", "constant", "logical", "relational", "relational", "return"]
    assert len({mutant.program for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        ast.parse(mutant.program)
        assert mutant.program.startswith("LIMIT = 3\n\n\ndef clamp(value: 'int', low: int=")
        assert "7 is 3" in mutant.program
        assert "{low + 1}" in mutant.program, "what an error says is no result"
    assert mutants_of(CLAMP, "clamp", 100, "seed") == mutants
    assert mutants_of(CLAMP, "clamp", 3, "seed") == mutants[:3]
    assert mutants_of(CLAMP, "clamp", 3, "other") != mutants[:3]


def test_a_function_without_a_place_for_a_fault_has_no_mutants():
    assert mutants_of("def f(x):\n    g(x)\n", "f", 10, "") == []


@pytest.mark.parametrize("value", ["+".join("x" * 3000), "1" * 4000 + " + 0x" + "f" * 4000])
def test_a_function_that_cannot_be_written_down_again_is_told_as_such(value):
    with pytest.raises(NotPythonError):
        mutants_of(f"def f(x):\n    return {value}\n", "f", 10, "")


def test_mutants_fail_tests_that_look_at_each_bound():
    tests = textwrap.dedent("""\
        def test_clamp():
            assert [clamp(v) for v in (0, 1, 2, 3, 4)] == [0, 1, 2, 3, 3]
            assert clamp(-1, -1) == -1
            for value, low in ((-1, 0), (0, 1), (-1, -0)):
                try:
                    clamp(value, low)
                except ValueError:
                    continue
                raise AssertionError(value)
        """)
    limits = Limits(seconds=5)
    assert run_python(CLAMP, limits, tests).passed
    told = [not run_python(mutant.program, limits, tests).passed for mutant in mutants_of(CLAMP, "clamp", 100, "")]
    assert sum(told) >= 6


@pytest.mark.timeout(60)
def test_files_of_thousands_of_functions_that_need_one_another_are_read():
    chain = "".join(f"def f{number}(): return f{number - 1}()\n" for number in range(1, 4000))
    functions = list(functions_of(f"def f0(): return 1\n{chain}", 600))
    assert [function.name for function in functions[:2]] == ["f0", "f1"]
    assert len(functions) < 40, "others need more than 600 characters"


@pytest.mark.timeout(20)
def test_a_table_of_equal_numbers_is_not_changed_a_thousand_times_for_nothing():
    mutants_of(f"def f():\n    return [{', '.join(['1e300'] * 400)}]\n", "f", 8, "seed")


def test_a_fault_that_cannot_be_written_is_left_out():
    program = f"def f():\n    return [{'9' * 4300}, 1]\n"
    assert {mutant.kind for mutant in mutants_of(program, "f", 8, "seed")} == {"return", "constant"}


def test_functions_of_a_file_that_begins_with_a_byte_order_mark_stand_where_they_are():
    source = "\ufeffdef f(x):\n    return x + 1\n"
    [function] = functions_of(source, 100)
    assert (source[slice(*function.span)], function.program) == (source[1:-1], source[1:])
