"""The check `compiles`: faults planted into programs of six languages, and texts that are no programs or were made to hurt."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from classifiers.checks.compiles import Compiles, CompilesSettings
from rephrase.errors import UserError
from tests.classifiers.batches import batch

PROGRAMS = {path.name: path.read_text() for path in sorted((Path(__file__).parents[1] / "programs").iterdir())}
LANGUAGES = {"Ledger.java": "Java", "buoys.py": "Python", "charts.rs": "Rust", "ropes.c": "C", "signals.go": "Go", "tides.js": "JavaScript"}
COMMENT = {"buoys.py": "#"}
# What stands inside strings and comments, and marks of generics, is no place for a fault.
_ELSEWHERE = re.compile(r'"""[^"]*"""|"(?:\\.|[^"\\\n])*"|`[^`]*`|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/|#[^\n]*|<[^<>\n]*>', re.DOTALL)


def faulty(program: str, seed: int) -> str:
    """The program with one fault that its compiler cannot pass over."""
    dice = random.Random(seed)
    masked = _ELSEWHERE.sub(lambda match: "\0" * len(match[0]), program)
    kind = ["lost bracket", "bracket too many", "open string", "operator twice", "number in a name"][seed % 5]
    if kind == "lost bracket":
        at = dice.choice([match.start() for match in re.finditer(r"[()\[\]{}]", masked)])
        return program[:at] + program[at + 1 :]
    if kind == "bracket too many":
        at = dice.choice([match.start() for match in re.finditer(r"[()\[\]{}]", masked)])
        return program[:at] + dice.choice("()[]{}") + program[at:]
    if kind == "open string":
        at = dice.choice([match.end() - 1 for match in re.finditer(r'(?<!")"[^"\\\n]+"(?!")', program)])
        return program[:at] + program[at + 1 :]
    if kind == "operator twice":
        at = dice.choice([match.end() for match in re.finditer(r" :?= ", masked)])
        return program[:at] + "= " + program[at:]
    at = dice.choice([match.start() for match in re.finditer(r"(?<=\n)[ \t]+[a-z]+ (?=[a-z]+ :?= )|(?<=return )[a-z]+", masked)] or [0])
    return program[:at] + "1a b " + program[at:]


def harmless(program: str, seed: int, comment: str) -> str:
    """The program with lines between its own that say nothing."""
    dice = random.Random(seed)
    lines = program.split("\n")
    at = dice.choice([number for number, line in enumerate(lines) if not line.strip()])
    return "\n".join([*lines[:at], f"{comment} ( [ {{ ' said the keeper", "", *lines[at:]])


def run(texts: list[str], languages: list[str | None], **settings: object) -> tuple[dict[str, list[float]], list[bool]]:
    result = Compiles("compiles", CompilesSettings(**settings))(batch(texts, languages=languages))
    return {name: scores.tolist() for name, scores in result.scores.items()}, result.keep.tolist()


@pytest.mark.parametrize("name", PROGRAMS)
def test_planted_faults_are_told_from_programs(name: str) -> None:
    program, language = PROGRAMS[name], LANGUAGES[name]
    bad = [faulty(program, seed) for seed in range(20)]
    good = [program, *(harmless(program, seed, COMMENT.get(name, "//")) for seed in range(20))]
    scores, keep = run([*bad, *good], [language] * (len(bad) + len(good)))
    told = dict(zip(bad, keep, strict=False))
    assert [text for text, kept in told.items() if kept] == []
    assert scores["compiles"][len(bad) :] == [0.0] * len(good)
    assert set(scores) == {"compiles"}


def test_the_bound_is_a_number_of_faults() -> None:
    text = PROGRAMS["ropes.c"].replace("int i = 0;", "int i = = 0;").replace("break;", "break)")
    scores, keep = run([text], ["C"])
    assert scores["compiles"][0] >= 2
    assert keep == [False]
    assert run([text], ["c"], max=50)[1] == [True]
    assert run([text], ["c"], max=None)[1] == [True]


def test_a_program_of_unknown_language_is_passed_over_and_told() -> None:
    scores, keep = run(["The tide (rises", "def f(:", "def f(:"], ["en", None, "Python"])
    np.testing.assert_array_equal(scores["compiles"], [np.nan, np.nan, 1])
    np.testing.assert_array_equal(scores["compiles.unknown_language"], [1, 1, np.nan])
    assert keep == [True, True, False]
    scores, keep = run(["def f(:"], ["Python"], max_characters=3)
    assert (scores["compiles.too_long"], keep) == ([1.0], [True])


def test_fences_tell_their_languages() -> None:
    text = "First:\n\n```rust\nfn main() {}\n```\n\nand then\n\n  ~~~python\n  def f():\n      return 1\n  ~~~\n\n```\nno (language\n```\n"
    scores, keep = run([text, text.replace("return 1", "return = 1")], ["en", "en"])
    assert (scores["compiles"], scores["compiles.unknown_language"], keep) == ([0.0, 1.0], [1.0, 1.0], [True, False])
    assert run(["```py\nx = 1\n```", "```py\nx = = 1\n```", "```py\nx = (1"], ["Rust"] * 3)[1] == [True, False, False]
    docstring = 'def f():\n    """As in\n\n    ```\n    f(\n    ```\n    """\n'
    assert run([docstring, docstring + ")"], ["Python"] * 2)[1] == [True, False]
    assert run(["It prints one (1", "```\nprint(1\n```"], ["Python"] * 2, fenced=True)[1] == [True, False]


def test_the_language_of_a_row_comes_before_the_documents() -> None:
    texts = [PROGRAMS["charts.rs"], PROGRAMS["charts.rs"], PROGRAMS["buoys.py"]]
    columns = {"languages": ["Python"] * 3, "fields": ['{"language": "Rust"}', None, '{"language": 3}']}
    assert Compiles("compiles", CompilesSettings())(batch(texts, **columns)).keep.tolist() == [True, False, True]
    assert run([PROGRAMS["charts.rs"]], ["Python"], language="rust")[1] == [True]


def test_an_unknown_language_is_refused_with_the_nearest() -> None:
    from classifiers.settings import filter_of

    with pytest.raises(UserError, match="did you mean `Python`"):
        filter_of([{"compiles": {"language": "Pyhton"}}])


HOSTILE = {  # by language: a program, and what was made to hurt
    "Python": ("x = 1\n", ["(" * 100_000, "-" * 100_000 + "1", "a." * 50_000 + "b", "'" + "\\N{" * 9_000, "1" * 50_000, "\0" * 99]),
    "Java": ("class A {}\n", ["a<" * 50_000, "{" * 50_000]),
    "Ruby": ("x = 1\n", ["`${" * 5_000]),
    "C": ("int x;\n", ["#if 1\n" * 20_000, "(*" * 30_000]),
    "Shell": ("x=1\n", ["<<A\n" * 5_000]),
}


@pytest.mark.parametrize("language", HOSTILE)
def test_texts_that_were_made_to_hurt_cost_their_row_alone(language: str) -> None:
    program, hostile = HOSTILE[language]
    texts = [*hostile, f"{program}\ud800 1(", program]
    scores, keep = run(texts, [language] * len(texts))
    assert len(keep) == len(texts)
    hard = scores.get("compiles.too_hard", [np.nan] * len(texts))
    assert [np.isnan(score) for score in scores["compiles"]] == [one == 1.0 for one in hard]  # a score, or why there is none
    assert keep[-2:] == [False, True]
