"""The side of the tests: they run with their own builtins and modules, and with mirrors of what the program defines.

Known as tests: whatever raises (bare asserts), functions `test_…` and classes `Test…` as pytest collects them, `unittest.TestCase`,
doctests, `check(candidate)` of HumanEval (Chen et al. 2021, arXiv 2107.03374), and pairs of inputs and outputs as in APPS (Hendrycks et
al. 2021, arXiv 2105.09938). All that is defined is run, whether the tests run it themselves or not.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import math
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from rephrase.verifiers import collected
from rephrase.verifiers.mirrors import Mirror
from rephrase.verifiers.operations import serving
from rephrase.verifiers.peers import Peer

_WORD = re.compile(r"[^\W\d]\w*")
# Names that the tests do not take from the program, though it has them, unless nothing else of it is tested.
_TOOLS = frozenset(dir(builtins)) | sys.stdlib_module_names | {"isclose", "np", "numpy", "pd", "pandas", "pytest"}


def run_tests(tests: str, reading: int, writing: int, lost: Callable[[str], NoReturn], most_printed: int) -> None:
    """Run a program's tests over the pipes to it. Without tests the program must run to its last line.

    Raises what the tests or the program raise.
    """
    named: set[Mirror] = set()
    peer = Peer(reading, writing, lost, trusted=lambda kind: not named.isdisjoint(kind.__mro__))
    peer.operations |= serving(lost, most_printed, peer.gave)
    if pairs := collected.pairs(tests):
        for given, expected in pairs:
            collected.compare(peer, given, expected)
        return
    left, names = peer.request("load", "solution" if tests else "__main__")
    names = [name for name in names if not name[0].startswith("__")]
    if not tests:
        if left:
            raise collected.TestsFailed(f"{left} before its last line")
        return
    tree = _parsed(tests)
    peer.secret = tests
    peer.stops_iterators = "StopIteration" in tests
    words, own = set(_WORD.findall(tests)), set(_bound(tree)) if tree else set()
    if "testmod" in words:
        words |= {name for name, _, _ in names}
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = sys.modules["solution"] = module
    functions = _take(peer, vars(module), names, words, own)
    is_used = any(kind != "module" and name not in own and name in vars(module) for name, kind, _ in names) or "testmod" in words
    named |= {value for name, value in vars(module).items() if isinstance(value, Mirror) and name[:1].isupper() and name not in own}
    before = dict(vars(module))
    if tree is not None:
        if "unittest" in words:
            collected.keep_unittest_from_leaving(module)
        _execute(tree, module)
    own_names = [name for name, value in vars(module).items() if not (name in before and before[name] is value)]
    ran = 0
    if ">>>" in tests or "testmod" in words:
        ran += collected.run_doctests(module, tests if tree is None else "", functions if "testmod" in words else {})
    ran += collected.run_pytest(module) if "pytest" in words else collected.run_defined(module, own_names)
    if "check" in own_names and tree is not None and not _called(tree, "check"):
        _check(vars(module)["check"], functions)
        ran, is_used = ran + 1, True
    if not is_used:
        raise collected.TestsFailed("the tests use nothing that the program defines")
    if not ran and any(collected.are_tests(name, vars(module)[name]) for name in own_names):
        raise collected.TestsFailed("no test ran")
    if not ran and (tree is None or not any(_checks(statement) for statement in tree.body)):
        raise collected.TestsFailed("the tests check nothing")


def _checks(node: ast.AST) -> bool:
    """Whether a statement checks something when it is run: not what it only defines or prints."""
    if isinstance(node, (ast.Assert, ast.Raise)):
        return True
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and node.func.id == "print")
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return False
    return any(_checks(inner) for inner in ast.iter_child_nodes(node))


def _parsed(tests: str) -> ast.Module | None:
    """The tests as Python; None for doctests alone."""
    try:
        return ast.parse(tests)
    except SyntaxError:
        if ">>>" in tests:
            return None
        raise


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that the tests give themselves."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module != "solution":
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name))


def _take(peer: Peer, namespace: dict[str, Any], names: list[tuple[str, str, bool]], words: set[str], own: set[str]) -> dict[str, Any]:
    """Put what the tests use of the program into their namespace. Returns the functions and classes that the program defines."""
    tested = {name for name, kind, _ in names if kind in ("function", "class") and name in words - own - _TOOLS}
    defined = {}
    for name, kind, at_home in names:
        if at_home and kind in ("function", "class") and not name.startswith("_"):
            defined[name] = peer.request("take", name)
        if name not in words:
            continue
        if kind == "module" or name in sys.stdlib_module_names:
            if kind == "module" or tested:
                namespace[name] = _module(name if name in sys.stdlib_module_names else peer.request("take", name))
                continue
        elif name in _TOOLS and tested:
            namespace |= {name: math.isclose} if name == "isclose" else {}
            continue
        namespace[name] = peer.request("take", name)
    return defined


def _module(name: object) -> types.ModuleType | None:
    try:
        return importlib.import_module(str(name))
    except ImportError:
        return None


def _execute(tree: ast.Module, module: types.ModuleType) -> None:
    module.__doc__ = ast.get_docstring(tree)
    try:
        exec(compile(tree, "tests", "exec"), vars(module))  # noqa: S102  # what this process is for
    except SystemExit as error:
        # Their own end, after unittest or as an exit code.
        if error.code or getattr(error, "from_other_side", False):
            raise


def _called(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for statement in tree.body
        if not (isinstance(statement, ast.FunctionDef) and statement.name == name)
        for node in ast.walk(statement)
    )


def _check(check: Callable[[Any], Any], functions: dict[str, Any]) -> None:
    """HumanEval's `check`, which some set does not call: one of the program's functions must pass, the last one is asked first."""
    failure: Exception = collected.TestsFailed("the program defines no function")
    for function in reversed(functions.values()):
        try:
            check(function)
        except Exception as error:  # noqa: BLE001  # another function may be meant
            failure = error if isinstance(failure, collected.TestsFailed) else failure
        else:
            return
    raise failure
