"""The program in an answer with several code blocks."""

from __future__ import annotations

import pytest

from rephrase.verifiers.blocks import code, fenced_blocks


def block(content: str, language: str = "python") -> str:
    return f"```{language}\n{content}\n```\n"


F, G, WRONG = "def f(x):\n    return g(x)", "def g(x):\n    return x + 1", "def f(x):\n    return x"


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("def f(): pass", "def f(): pass"),
        (block(F), F),
        (block(F) + "Use it:\n" + block("print(f(3))"), F),
        (block(G) + "and then\n" + block(F), f"{G}\n\n{F}"),
        (block("import math\nLIMIT = 3") + block(F), f"import math\nLIMIT = 3\n\n{F}"),
        (block(WRONG) + "That is wrong:\n" + block(F), F),
        (block(F) + block("python f.py", "bash") + block("4", ""), F),
        (block(F, "") + block("4", ""), F),
        (block(F) + block(">>> f(3)\n4"), F),
        (block("f = lambda x: x") + block("print(f(1))"), "f = lambda x: x"),
        (block("print(input())"), "print(input())"),
        (block("n = int(input())\nprint(n)") + "prints\n" + block("4", ""), "n = int(input())\nprint(n)"),
        ("1. Write\n   ```python\n   def f(x):\n       return x\n   ```\n", WRONG + "\n"),
        ("~~~py\n" + F + "\n~~~\n", F),
        ("So: ```python\n" + F + "\n", F),
        (block(F).replace("\n", "\r\n"), F),
    ],
)
def test_the_program_is_what_the_blocks_define(text, program):
    assert code(text).strip() == program.strip()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["```", "``` ", "```\n", "~~~ ```\n", "```python\nx\n", "`\n", ": ", ":** "])
def test_long_texts_of_fences_are_read_in_time(unit):
    text = unit * (1_000_000 // len(unit))
    code(text)
    fenced_blocks(text)
