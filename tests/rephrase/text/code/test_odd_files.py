"""Notebooks, fences and programs that are unusual, and still what they are."""

from __future__ import annotations

import json

import pytest

from rephrase.text.code.fences import fences_of
from rephrase.text.code.files import code_of
from rephrase.text.code.notebooks import NOTEBOOK, notebook_text
from rephrase.text.code.syntax import syntax_errors

NOTEBOOK_OF_ONE = '{"cells": [{"cell_type": "code", "source": "x = 1", "outputs": [NaN]}]}'


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (NOTEBOOK_OF_ONE, "```python\nx = 1\n```"),
        (f"\ufeff{NOTEBOOK_OF_ONE}", "```python\nx = 1\n```"),
        ('{"cells": [{"cell_type": "code", "source": "x = \'\\ud800\'"}]}', "```python\nx = '?'\n```"),
        (json.dumps({"worksheets": [{"cells": 5}, {"cells": True}, {"cells": None}, 3]}), ""),
    ],
)
def test_notebooks_as_programs_write_them_are_read(data, text):
    assert notebook_text(data) == text


@pytest.mark.parametrize("data", ["[" * 100_000, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", '{"cells": [', "\0"])
def test_what_is_no_notebook_stays_as_it_is(data):
    assert code_of(data, "a.ipynb") == (data, None)
    assert code_of('{"worksheets": [{"cells": 5}]}', "a.ipynb") == ("", NOTEBOOK)


@pytest.mark.parametrize(
    ("text", "insides"),
    [
        ("```pip install x```\ntext\n```python\nx = 1\n```\n", ["x = 1\n"]),
        (program := '```python\ndef f():\n    """So:\n\n    ```\n    f()\n    ```\n    """\n```\n', [program[10:-4]]),
        ("- a\n  ```python\n  x = 1\n  ```\n", ["x = 1\n"]),
        ("```python\r\nx = 1\r\n```\r\n", ["x = 1\r\n"]),
    ],
)
def test_fences_end_where_the_program_ends(text, insides):
    assert [fence.inside for fence in fences_of(text)] == insides


def test_a_byte_order_mark_is_no_fault_of_a_program():
    assert syntax_errors("\ufeffx = 1\n", "Python") == 0
    assert syntax_errors("\ufeff\ufeffx = 1\n", "Python") == 1
