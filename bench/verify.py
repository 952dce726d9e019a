"""How verdicts on answers agree with those of public test suites, and how many of them a core gives in a second.

Math-Verify's own tests (huggingface/Math-Verify, Apache-2.0) and the solutions that the authors of GSM8K graded (openai/grade-school-math,
MIT) are not part of this repository. They are read from where they are unpacked:

    git clone https://github.com/huggingface/Math-Verify
    git clone https://github.com/openai/grade-school-math
    python bench/verify.py --tests Math-Verify/tests --gsm8k grade-school-math/grade_school_math/data/example_model_solutions.jsonl

Every pair of `gold` and `pred` in the parametrized tests is a case; the suite says what is expected of it. A false yes that the library
gives too, by its own defaults, is counted apart. Rates are of pairs that were never seen before, and of processor time, with that of
Math-Verify's process: numbers in the solutions of GSM8K (without that file: in sentences of our own), and formulas of our own. The last
line tells it all.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

NUMBERS, FORMULAS = 5_000, 500  # pairs that a rate is taken of
SHOWN = 100  # characters


class Case(NamedTuple):
    """A candidate, the right answer, and whether the candidate is right."""

    candidate: str
    gold: str
    right: bool


def suite(folder: Path) -> Iterator[Case]:
    """The cases of Math-Verify's tests, read from how they are parametrized."""
    sys.path.insert(0, str(folder.parent))  # its modules import each other as `tests.…`
    for path in sorted(folder.glob("test_*.py")):
        for function in vars(importlib.import_module(f"{folder.name}.{path.stem}")).values():
            for mark in getattr(function, "pytestmark", []) if getattr(function, "__module__", "").endswith(path.stem) else []:
                names = [name.strip() for name in mark.args[0].split(",")] if mark.name == "parametrize" else []
                if {"gold", "pred"} <= set(names):
                    for row in mark.args[1]:
                        values = dict(zip(names, row, strict=True))
                        yield Case(values["pred"], values["gold"], bool(values.get("expected", values.get("result"))))


def graded(path: Path) -> Iterator[Case]:
    """The solutions of GSM8K's test problems by four models, as their authors graded them."""
    for line in path.read_bytes().splitlines():
        problem = orjson.loads(line)
        gold = problem["ground_truth"].rpartition("A:")[2].strip()
        for solution in problem.values():
            if isinstance(solution, dict):
                yield Case(solution["solution"], gold, solution["is_correct"])


def by_library(case: Case) -> bool:
    """What Math-Verify says by its defaults."""
    from math_verify import parse, verify

    return bool(verify(parse(case.gold), parse(case.candidate)))


def numbers() -> Iterator[Case]:
    """Sentences that end in a number, half of them in the right one."""
    draw = random.Random(0)
    for number in range(NUMBERS):
        right, gold = bool(number % 2), draw.randint(1, 10**6)
        yield Case(f"She sells {number} eggs for $2 each.\nThe answer is {gold + (not right):,} dollars.", f"#### {gold}", right)


def formulas() -> Iterator[Case]:
    """Formulas in a box, half of them another way to write the right one."""
    draw = random.Random(0)
    for number in range(FORMULAS):
        a, b, c = (draw.randint(2, 10**4) for _ in range(3))
        right = bool(number % 2)
        gold, other = draw.choice(
            [
                (rf"\frac{{{a}\sqrt{{{b}}}}}{{{c}}}", rf"\frac{{{a}{{}}}}{{{c + (not right)}}}\sqrt{{{b}}}"),
                (f"{a}x^2+{b}x+{c}", f"{c}+x({a}x+{b + (not right)})"),
                (rf"{a}\pi+{b}\sqrt{{{c}}}", rf"{b}\sqrt{{{c + (not right)}}}+{a}\pi"),
            ]
        )
        yield Case(rf"So it is $\boxed{{{other}}}$.", gold, right)


def rate(cases: Iterable[Case]) -> tuple[float, int]:
    """Verifications a second, and how many are as expected."""
    from rephrase.verifiers.kinds import Verifier

    verifier, listed = Verifier("answer"), list(cases)
    verifier.verify(r"\boxed{2x+1}", "1+2x")  # Math-Verify is started
    started = _processor_seconds()
    agree = sum(verifier.verify(case.candidate, case.gold).right == case.right for case in listed)
    return len(listed) / (_processor_seconds() - started), agree


def _processor_seconds() -> float:
    """Of this process and those that it and its children have started."""
    ticks = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, fields = path.read_text().rpartition(")")
            _, parent, *rest = fields.split()
            ticks[int(path.parent.name)] = (int(parent), sum(map(int, rest[9:13])))  # its own and of children that have ended
    family = {os.getpid()}
    while more := {pid for pid, (parent, _) in ticks.items() if parent in family} - family:
        family |= more
    return sum(ticks[pid][1] for pid in family) / os.sysconf("SC_CLK_TCK")


def compare(folder: Path, *, show: bool) -> str:
    """Ours and the library's verdicts beside those that its suite expects."""
    from rephrase.verifiers.kinds import Verifier

    verifier = Verifier("answer")
    cases = list(suite(folder))
    ours = [verifier.verify(case.candidate, case.gold) for case in cases]
    agree = sum(verdict.right == case.right for verdict, case in zip(ours, cases, strict=True))
    wrong = [case for verdict, case in zip(ours, cases, strict=True) if verdict.right and not case.right]
    beyond = [case for case in wrong if not by_library(case)]
    if show:
        for verdict, case in zip(ours, cases, strict=True):
            if verdict.right != case.right:
                what = "false yes" if verdict.right else "false no"
                print(f"{what:9}  gold {case.gold[-SHOWN:]!r}  candidate {case.candidate[-SHOWN:]!r}  {verdict.reason[:SHOWN]}")
    told = f"{agree} of {len(cases)} ({agree / len(cases):.1%}), {len(wrong)} false yes, {len(beyond)} of them not the library's"
    print(f"Math-Verify's suite: {told}")
    return f"suite {told}; "


def main() -> None:
    """Measure what there is, and print a line for each and the last one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=Path, help="the folder `tests` of Math-Verify")
    parser.add_argument("--gsm8k", type=Path, help="example_model_solutions.jsonl of grade-school-math")
    parser.add_argument("--show", action="store_true", help="show the cases in which the suite and we differ")
    options = parser.parse_args()
    last = compare(options.tests, show=options.show) if options.tests else ""
    if options.gsm8k:
        plain = list(graded(options.gsm8k))
        speed, agree = rate(plain)
        print(f"GSM8K's solutions: {agree} of {len(plain)} as their authors graded them, {speed:,.0f}/s")
        last += f"GSM8K {agree} of {len(plain)}; "
    number_speed, number_agree = rate(numbers())
    formula_speed, formula_agree = rate(formulas())
    print(f"numbers in sentences: {number_agree} of {NUMBERS}, {number_speed:,.0f}/s")
    print(f"formulas: {formula_agree} of {FORMULAS}, {formula_speed:,.0f}/s")
    print(f"{last}verifications/s/core: plain numbers {speed if options.gsm8k else number_speed:,.0f}, LaTeX {formula_speed:,.0f}")


if __name__ == "__main__":
    main()
