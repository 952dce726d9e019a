"""What a program reads and defines, told without running it."""

from __future__ import annotations

import pytest

from rephrase.verifiers.scopes import NotPythonError, is_self_contained, parsed, scope_of


@pytest.mark.parametrize(
    "program",
    [
        "import os\nLIMIT = 1\ndef f(a):\n    return a + LIMIT + len(os.sep)",
        "def f():\n    return g()\ndef g():\n    return 1",
        "class A:\n    size = 2\n    def m(self):\n        return __class__, [i for i in range(self.size)]",
        "def f():\n    global z\n    z = 1\ndef g():\n    return z",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error, __name__, __file__)",
        "with open('a') as file:\n    print(file)\nfor n in (1, 2):\n    print(n)\n(w := 3)\nprint(w)",
        "import numpy as np\nprint(np.pi)",
        "from typing import TypeVar\nT = TypeVar('T')\ndef f(a: list[T]) -> T:\n    return a[0]",
    ],
)
def test_programs_that_have_all_that_they_use_are_self_contained(program):
    assert is_self_contained(program)


@pytest.mark.parametrize(
    "program",
    [
        "def f(n):\n    return is_prime(n)",
        "print(total)",
        "from . import helpers",
        "from .models import User",
        "from os.path import *\nprint(join('a', 'b'))",
        "def f(a: Matrix) -> int:\n    return 1",
        "class A(Base):\n    pass",
    ],
)
def test_programs_that_lack_a_name_are_not(program):
    assert not is_self_contained(program)


def test_reads_and_definitions_are_those_of_the_module():
    scope = scope_of("import os.path as p\nfrom re import sub\ndef f(a, *, b=DEFAULT):\n    c = a + b\n    return sub(p.sep, c, other)")
    assert scope.defines == {"p", "sub", "f"}
    assert scope.undefined == {"DEFAULT", "other"}


@pytest.mark.parametrize("source", ["def f(:", "x = " + "(" * 5000, "a\0b", "x = '" + "y" * 200_000 + "'", "I cannot help with that."])
def test_what_is_no_python_is_told_as_such(source):
    with pytest.raises(NotPythonError):
        parsed(source)
