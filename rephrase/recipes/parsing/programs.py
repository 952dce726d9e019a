"""Parsers of code: what stands in a completion's code block is the training text, and what stands around it is left out."""

from __future__ import annotations

import ast
import functools
import re
from importlib.resources import files

import yaml
from pydantic import Field

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import LONGEST, Context, Parser
from rephrase.settings.section import Section
from rephrase.text.code.languages import language_of
from rephrase.verifiers.blocks import PYTHON, Block, fenced_blocks, program_of
from rephrase.verifiers.scopes import NotPythonError, is_self_contained, parsed


class CodeSettings(Section):
    """Settings of the parser `code`."""

    min_characters: int = Field(default=1, ge=1)
    """Shorter code is the error `parse:too_short`."""
    language: str = ""
    """The name, filled in the prompt, of the language that the code must be in: a block that names another is `parse:other_language`."""
    self_contained: bool = False
    """Python that uses names which nothing defines, or imports from beside itself, is `rejected:not_self_contained`."""


def code(settings: CodeSettings) -> Parser:
    """The code block of a completion; of several, the one that is longer than all others together, as what shows its use is shorter.

    Errors: `parse:no_code`; `parse:several_blocks`, where none of them is that; `parse:unclosed_code`, where it has no end, and prose may
    follow; `parse:left_out`, where a comment stands for a part of it that the passage has; `parse:other_language`, also where Python comes
    back in another one; and `parse:syntax`, where the block names Python and is none, or names nothing and comes of Python.
    """

    def parse(completion: str, context: Context) -> Parsed:
        block = the_block(completion)
        if isinstance(block, str):
            return Parsed(error=block)
        wanted = language_of(str(context.values.get(settings.language, "")))
        named = language_of(block.language)
        if wanted and named and named != wanted:
            return Parsed(error="parse:other_language")
        text = block.content.removeprefix("\ufeff").strip("\n").rstrip()
        if len(text) < settings.min_characters:
            return Parsed(error="parse:too_short" if text.strip() else "parse:empty")
        passage = str(context.values.get("passage", ""))
        if leaves_out(text) and not leaves_out(passage):
            return Parsed(error="parse:left_out")
        error = _fault_of_language(text, named, wanted, passage, self_contained=settings.self_contained)
        return Parsed(error=error) if error else Parsed(text=text)

    return parse


def _fault_of_language(text: str, named: str | None, wanted: str | None, passage: str, *, self_contained: bool) -> str | None:
    """What is wrong with code by the language that its block names, or that is wanted; None for nothing."""
    if not wanted and named not in (None, "Python") and _defines(passage):
        return "parse:other_language"
    is_meant = (named or wanted) == "Python" or (named is None and wanted is None and _is_python(passage))
    try:
        return "rejected:not_self_contained" if is_meant and not is_self_contained(text) and self_contained else None
    except NotPythonError:
        return "parse:syntax"


def the_block(completion: str) -> Block | str:
    """The one code block that a completion is about, or the error that there is none."""
    if len(completion) > LONGEST:
        return "parse:too_long"
    blocks = [block for block in fenced_blocks(completion) if block.content.strip()]
    if not blocks:
        return "parse:no_code"
    block = max(blocks, key=_size)
    if 2 * _size(block) <= sum(map(_size, blocks)):
        return "parse:several_blocks"
    return block if block.closed else "parse:unclosed_code"


def solution_and_tests(completion: str) -> Parsed:
    """A program and its tests, as the fields `solution` and `tests`: the last code block holds the tests, those before it the solution.

    Errors: `parse:no_code`, `parse:no_tests` where there is one block alone or the last one asserts nothing, `parse:unclosed_code`, and
    `parse:syntax`.
    """
    if len(completion) > LONGEST:
        return Parsed(error="parse:too_long")
    blocks = [block for block in fenced_blocks(completion) if block.content.strip() and block.language in ("", *PYTHON)]
    if not blocks:
        return Parsed(error="parse:no_code")
    *before, tests = blocks
    if not tests.closed:
        return Parsed(error="parse:unclosed_code")
    if not before:
        return Parsed(error="parse:no_tests")
    solution = program_of(before).strip("\n")
    try:
        parsed(solution)
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(parsed(tests.content)))
    except NotPythonError:
        return Parsed(error="parse:syntax")
    return Parsed(fields={"solution": solution, "tests": tests.content}) if asserts else Parsed(error="parse:no_tests")


def leaves_out(program: str) -> bool:
    """Whether a comment stands where a part of a program is left out: "# ... rest of the code remains unchanged"."""
    return _left_out().search(program) is not None


@functools.cache
def _left_out() -> re.Pattern[str]:
    table = yaml.safe_load(files(__package__).joinpath("left_out.yaml").read_text(encoding="utf-8"))
    return re.compile(f"{table['marks']}(?:{'|'.join(table['patterns'])})", re.IGNORECASE)


def _defines(text: str) -> bool:
    """Whether a text is Python and no other language: lines such as `f(1);` may be many."""
    try:
        return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for node in parsed(text).body)
    except NotPythonError:
        return False


def _is_python(text: str) -> bool:
    try:
        return bool(parsed(text).body)
    except NotPythonError:
        return False


def _size(block: Block) -> int:
    return len(block.content)
