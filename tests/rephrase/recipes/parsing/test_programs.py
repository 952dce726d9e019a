"""Code in completions: the one block that is meant, and clear errors for what has none."""

from __future__ import annotations

import pytest

from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.programs import solution_and_tests

CODE = "def double(x: int) -> int:\n    return 2 * x"
RUST = "fn double(x: i32) -> i32 {\n    2 * x\n}"
USE = "print(double(2))"


def block(content: str, language: str = "python") -> str:
    return f"```{language}\n{content}\n```\n"


def parse(completion: str, tokenizer, values: dict[str, str] | None = None, /, **settings):
    return parser_of("code", settings, "test")(completion, Context(tokenizer, values or {}))


@pytest.mark.parametrize(
    "completion",
    [
        block(CODE),
        block(CODE, ""),
        block(CODE, "py"),
        f"Evaluation: 6\nSuggestions:\n- annotate\n\nImproved code:\n{block(CODE)}\nIt does the same as before.",
        f"Suggestions: say `x: int`, and\n{block('x: int')}\nImproved code:\n{block(CODE)}",
        f"{block(CODE)}\nUse it so:\n{block(USE)}",
        f"1. Improved\n   ```python\n   {CODE.replace(chr(10), chr(10) + '   ')}\n   ```",
        f"~~~python\n{CODE}\n~~~",
        block(CODE).replace("\n", "\r\n"),
        f"**Improved code:** {block(CODE)}",
        f"````python\n{CODE}\n````",
    ],
)
def test_the_code_is_what_stands_in_the_block_that_is_meant(completion, tokenizer):
    assert parse(completion, tokenizer).text == CODE


@pytest.mark.parametrize(
    ("completion", "error"),
    [
        ("", "parse:no_code"),
        ("I'm sorry, but I cannot help with that.", "parse:no_code"),
        (CODE, "parse:no_code"),
        ("```python\n```", "parse:no_code"),
        (f"```python\n{CODE}", "parse:unclosed_code"),
        (f"```python\n{CODE}\n\nThis function doubles a number, as was asked.", "parse:unclosed_code"),
        (f"{block(CODE)}or\n{block(CODE)}", "parse:several_blocks"),
        (f"{block(CODE)}or\n{block(CODE.replace('2', 'two'))}or\n{block(CODE)}", "parse:several_blocks"),
        (block(f"{CODE} +"), "parse:syntax"),
        (block("Here is the code that you asked for."), "parse:syntax"),
        (block("x = 1"), "parse:too_short"),
        ("x" * 200_001, "parse:too_long"),
    ],
)
def test_what_is_no_code_block_is_an_error_and_no_text(completion, error, tokenizer):
    parsed = parse(completion, tokenizer, min_characters=20)
    assert (parsed.error, parsed.text) == (error, None)


@pytest.mark.parametrize(
    "content",
    [
        'def f():\n    """Two.\n\n    ```\n    >>> f()\n    ```\n    """\n    return 2',
        'def f():\n    """```f()```"""\n    return "```"',
    ],
)
def test_fences_inside_the_code_end_no_block(content, tokenizer):
    assert parse(block(content), tokenizer).text == content
    rust = f"/// ```\n/// double(2);\n/// ```\n{RUST}"
    assert parse(block(rust, "rust"), tokenizer).text == rust


def test_code_of_other_languages_is_taken_as_it_is_and_a_named_language_is_held_to(tokenizer):
    assert parse(block(RUST, "rust"), tokenizer).text == RUST
    wanted = {"target": "Rust"}
    assert parse(block(RUST, "rs"), tokenizer, wanted, language="target").text == RUST
    assert parse(block(RUST, ""), tokenizer, wanted, language="target").text == RUST
    assert parse(block(CODE), tokenizer, wanted, language="target").error == "parse:other_language"
    assert parse(block(RUST, ""), tokenizer, {"target": "Python"}, language="target").error == "parse:syntax"


def test_code_that_names_no_language_is_held_to_python_where_its_passage_is(tokenizer):
    assert parse(block(f"{CODE} +", ""), tokenizer, {"passage": CODE}).error == "parse:syntax"
    assert parse(block(RUST, ""), tokenizer, {"passage": RUST}).text == RUST


def test_code_that_needs_what_it_does_not_hold_is_rejected_where_it_must_stand_alone(tokenizer):
    needy = block("from .numbers import TWO\n\ndef double(x):\n    return TWO * x")
    assert parse(needy, tokenizer).error is None
    assert parse(needy, tokenizer, self_contained=True).error == "rejected:not_self_contained"
    assert parse(block("def double(x):\n    return TWO * x"), tokenizer, self_contained=True).error == "rejected:not_self_contained"
    assert parse(block(f"import math\n\n{CODE}"), tokenizer, self_contained=True).error is None


TESTS = "def test_double():\n    assert double(2) == 4"


@pytest.mark.parametrize(
    "completion",
    [
        f"It adds.\n{block(CODE)}Tests:\n{block(TESTS)}",
        f"{block(CODE, '')}{block(TESTS, '')}",
        f"{block('pip install x', 'bash')}{block(CODE)}{block(TESTS)}All pass.",
        f"{block(CODE.replace('2', '3'))}No, that is wrong:\n{block(CODE)}{block(TESTS)}",
    ],
)
def test_a_solution_comes_before_its_tests(completion):
    parsed = solution_and_tests(completion)
    assert parsed.fields == {"solution": CODE, "tests": TESTS}


@pytest.mark.parametrize(
    ("completion", "error"),
    [
        ("No code.", "parse:no_code"),
        (block(RUST, "rust"), "parse:no_code"),
        (block(CODE), "parse:no_tests"),
        (block(f"{CODE}\n\n{TESTS}"), "parse:no_tests"),
        (block(CODE) + block(USE), "parse:no_tests"),
        (block(f"{CODE} +") + block(TESTS), "parse:syntax"),
        (block(CODE) + block("assert double(2) == "), "parse:syntax"),
        (block(CODE) + f"```python\n{TESTS}", "parse:unclosed_code"),
        ("`" * 200_001, "parse:too_long"),
    ],
)
def test_a_solution_without_tests_is_an_error(completion, error):
    parsed = solution_and_tests(completion)
    assert (parsed.error, parsed.fields) == (error, {})


@pytest.mark.parametrize(
    "comment",
    [
        "# ... rest of the code remains unchanged ...",
        "# Rest of the class stays the same",
        "# ... existing code ...",
        "// ... other methods",
        "/* remaining functions unchanged */",
        "# (Other functions omitted for brevity)",
        "# … the rest of the file …",
    ],
)
def test_a_program_with_a_part_left_out_is_not_whole(comment, tokenizer):
    language = "python" if comment.startswith("#") else "rust"
    completion = block(f"{CODE if language == 'python' else RUST}\n\n{comment}", language)
    assert parse(completion, tokenizer).error == "parse:left_out"
    assert parse(completion, tokenizer, {"passage": comment}).text, "it is the document's own"


@pytest.mark.parametrize(
    "comment",
    [
        "# The rest of the function handles lists.",
        "# Other methods raise errors",
        "# Add the remaining items",
        "# existing code points are kept",
        "# rest of the code point",
        "# 1, 2, ... other numbers",
    ],
)
def test_comments_that_tell_of_a_rest_leave_nothing_out(comment, tokenizer):
    assert parse(block(f"{CODE}\n{comment}"), tokenizer).text == f"{CODE}\n{comment}"


def test_python_that_comes_back_in_another_language_is_no_rewrite(tokenizer):
    assert parse(block(RUST, "rust"), tokenizer, {"passage": CODE}).error == "parse:other_language"
    assert parse(block(RUST, "rust"), tokenizer, {"passage": "print(1);"}).text == RUST
