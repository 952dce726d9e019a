"""Tests that are defined and have to be run: of unittest, doctest and pytest, functions, and pairs of inputs and outputs."""

from __future__ import annotations

import io
import json
import os
import sys
import types
from collections import deque
from collections.abc import Iterable
from typing import Any

from rephrase.verifiers.peers import Peer


class TestsFailed(Exception):  # noqa: N818  # what it says is how tests end, not an error
    """The tests do not pass, or check nothing. The message says why."""


def pairs(tests: str) -> list[tuple[str, str]]:
    """What programs read and print, where the tests are that as JSON: `{"inputs": […], "outputs": […]}`, or a list."""
    try:
        told = json.loads(tests)
    except (ValueError, RecursionError):
        return []
    if isinstance(told, dict) and isinstance(told.get("inputs"), list) and isinstance(told.get("outputs"), list):
        told = [{"input": given, "output": expected} for given, expected in zip(told["inputs"], told["outputs"], strict=True)]
    if not isinstance(told, list) or not all(isinstance(pair, dict) and {"input", "output"} <= pair.keys() for pair in told):
        return []
    return [(_text(pair["input"]), _text(pair["output"])) for pair in told]


def compare(peer: Peer, given: str, expected: str) -> None:
    """Run the program on an input. Raises `TestsFailed` if it prints something else than expected, but for space at the ends of lines."""
    before = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = io.StringIO(given), io.StringIO()
    try:
        peer.request("play")
        printed = sys.stdout.getvalue()
    finally:
        sys.stdin, sys.stdout = before
    if _lines(printed) != _lines(expected):
        raise TestsFailed(f"printed {printed.strip()[:80]!r}, not {expected.strip()[:80]!r}")


def keep_unittest_from_leaving(module: types.ModuleType) -> None:
    """Have `unittest.main` run the tests and go on, whatever it is told about its exit."""
    import unittest

    def main(*_: object, **__: object) -> types.SimpleNamespace:
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        return types.SimpleNamespace(result=unittest.TextTestRunner(io.StringIO()).run(suite))

    unittest.main = main  # type: ignore[assignment]


def run_doctests(module: types.ModuleType, text: str, functions: dict[str, Any]) -> int:
    """Run the examples of the tests' docstrings, of a text, and of the docstrings of the program's functions. Returns how many.

    Raises `TestsFailed` for the first that fails, and if there are none.
    """
    import doctest

    parser, variables = doctest.DocTestParser(), vars(module)
    documented = {name: function.__doc__ for name, function in functions.items()}
    tests = doctest.DocTestFinder().find(module, globs=variables) if not text else []
    tests += [parser.get_doctest(one, variables, name, None, 0) for name, one in {"tests": text, **documented}.items() if one]
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        if runner.run(test, out=said.append, clear_globs=False).failed:
            raise TestsFailed("doctest: " + " ".join("".join(said).split("Failed example:", 1)[-1].split()))
    if not runner.tries:
        raise TestsFailed("no doctest ran")
    return runner.tries


def are_tests(name: str, value: object) -> bool:
    """Whether what a module has by this name is a test function, a class of tests, or a test case of unittest."""
    if isinstance(value, type):
        is_case = "unittest" in sys.modules and issubclass(value, sys.modules["unittest"].TestCase)
        return (is_case or name.startswith("Test")) and any(method.startswith("test") for method in dir(value))
    return isinstance(value, types.FunctionType) and name.startswith("test")


def run_defined(module: types.ModuleType, names: Iterable[str]) -> int:
    """Run those of these names that are test functions, classes of tests, and unittest's cases. Returns how many tests ran.

    Raises what the first raises that fails, or `TestsFailed`.
    """
    ran = 0
    for name in names:
        value = vars(module)[name]
        if not are_tests(name, value):
            continue
        if isinstance(value, types.FunctionType):
            ran += _run_function(value)
        elif "unittest" in sys.modules and issubclass(value, sys.modules["unittest"].TestCase):
            ran += _run_case(value)
        else:
            ran += _run_class(value)
    return ran


def run_pytest(module: types.ModuleType) -> int:
    """Run all that pytest collects of a module. Returns how many tests passed. Raises `TestsFailed` for those that do not."""
    import pytest

    class InMemory(pytest.Module):
        def _getobj(self) -> types.ModuleType:
            return module

    class Plugin:
        passed = 0
        failure = ""

        def pytest_pycollect_makemodule(self, module_path: Any, parent: Any) -> Any:
            return InMemory.from_parent(parent, path=module_path)

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            self.passed += report.when == "call" and report.passed
            if report.failed:
                self.failure = self.failure or str(getattr(report.longrepr, "reprcrash", report.longrepr)).strip()

    plugin = Plugin()
    options = [
        "-q",
        "-c/dev/null",
        f"--rootdir={os.path.dirname(io.__file__)}",
        f"--confcutdir={os.path.dirname(io.__file__)}",
        "--noconftest",
        "-pno:cacheprovider",
        "-pno:logging",
        "--capture=sys",
        "--assert=plain",
        "--import-mode=importlib",
    ]
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = io.StringIO()
    try:
        status = pytest.main([*options, io.__file__], plugins=[plugin])
        report = sys.stdout.getvalue()
    finally:
        sys.stdout, sys.stderr = before
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or plugin.failure:
        raise TestsFailed(plugin.failure or report.strip()[-300:])
    return plugin.passed


def _run_case(case: type) -> int:
    import unittest

    for name in unittest.defaultTestLoader.getTestCaseNames(case):
        if not issubclass(case, unittest.IsolatedAsyncioTestCase) and _waits(getattr(case, name)):
            raise TestsFailed(f"{case.__name__}.{name} would not run: it is asynchronous or gives items")
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    for _, trace in (*result.errors, *result.failures):
        raise TestsFailed(trace.strip().splitlines()[-1])
    if not result.wasSuccessful():
        raise TestsFailed(f"{case.__name__}: a failure that was expected did not come")
    return result.testsRun - len(result.skipped)


def _run_function(function: Any, *first: object) -> int:
    import inspect

    if len(inspect.signature(function).parameters) > len(first):
        raise TestsFailed(f"{function.__name__} takes arguments: fixtures are known where the tests import pytest")
    result = function(*first)
    if inspect.isgenerator(result):
        deque(result, maxlen=0)
    elif inspect.iscoroutine(result):
        import asyncio

        asyncio.run(result)
    elif inspect.isasyncgen(result):
        raise TestsFailed(f"{function.__name__} would not run: it gives items asynchronously")
    return 1


def _waits(function: Any) -> bool:
    """Whether a call of a function alone runs none of it."""
    import inspect

    return inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _run_class(kind: type) -> int:
    ran = 0
    for name in [name for name in vars(kind) if name.startswith("test")]:
        instance = kind()
        for step in ("setup_method", name, "teardown_method"):
            if hasattr(instance, step):
                _run_function(getattr(instance, step))
        ran += 1
    return ran


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
