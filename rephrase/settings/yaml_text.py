"""YAML from users: its values, and where each stands, or an error that names the line."""

from __future__ import annotations

import re
from typing import Any

import yaml
from typing_extensions import override

from rephrase.errors import UserError

Place = tuple[str | int, ...]
"""Where something stands in a config: keys, and numbers of list items from 0."""
MOST_BYTES = 2_000_000
"""Of a YAML text, and of its characters where aliases repeat them."""
MOST_LEVELS = 100
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it
_TAG = "tag:yaml.org,2002:"
_MOST_NODES = 30_000  # read within a second; a few lines of aliases to aliases stand for billions
_MOST_DIGITS = 400  # of a number as it is written
_BITS = 64


class _Loader(_SAFE):  # type: ignore[misc]  # chosen while the program runs
    """PyYAML's, which reads `1e9` as a number, bounds numbers, and gives the errors of Python's own conversions the line."""

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in (f"{_TAG}int", f"{_TAG}float") and len(node.value) > _MOST_DIGITS:
            raise _fault(node, f"`{shortened(str(node.value))}` is a number of more than {_MOST_DIGITS} characters")
        try:
            value = super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # what a foreign text brings Python's conversions to is not known
            is_scalar = isinstance(node, yaml.ScalarNode)
            problem = f"`{shortened(node.value)}` is no {node.tag.removeprefix(_TAG)}" if is_scalar else shortened(str(error))
            raise _fault(node, problem) from error
        if isinstance(value, int) and value.bit_length() >= _BITS:
            raise _fault(node, f"`{shortened(node.value)}` is a number of more than {_BITS} bits")
        return value


# YAML 1.1, as PyYAML has it, wants a point and a sign in such a number; 1.2, which editors follow, does not.
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))


def _fault(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def shortened(text: str, most: int = 80) -> str:
    """A text of the user's as an error line can hold it: at most so many characters of it."""
    return text if len(text) <= most else f"{text[:most]}…"


def parse_yaml(text: str, where: str) -> Any:
    """The values of a YAML text. Raises `UserError` like `read_yaml`."""
    return read_yaml(text, where)[0]


def read_yaml(text: str, where: str) -> tuple[Any, dict[Place, str]]:
    """The values of a YAML text; and the file and line ("run.yaml, line 3") of each key and list item.

    Raises `UserError` with the line for what is no YAML, a key that stands twice or is no text, what contains itself, and what is longer,
    deeper or of more parts than a config of a person's, aliases counted as what they stand for.
    """
    try:
        return _read(text, where)
    except UserError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{where}, line {mark.line + 1}" if mark else where
        problem = getattr(error, "problem", None) or getattr(error, "context", None) or shortened(str(error))
        raise UserError(f"not valid YAML: {problem}", where=line, cure="mend the line") from error
    except UnicodeError as error:  # half a character
        raise UserError(f"not valid YAML: {error.reason}", where=where, cure="write it in UTF-8") from error  # type: ignore[attr-defined]
    except Exception as error:  # the text is foreign, and so is what it brings a parser to
        raise UserError(f"not valid YAML: {type(error).__name__}: {shortened(str(error))}", where=where, cure="mend it") from error


def _read(text: str, where: str) -> tuple[Any, dict[Place, str]]:
    _check_bounds(text, where)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        places = _Places(where)
        if root is not None:
            places.visit(root, ())
        return (None if root is None else loader.construct_document(root)), places.lines
    finally:
        loader.dispose()


def _check_bounds(text: str, where: str) -> None:
    """Raise `UserError` for what is nested so deep that PyYAML, which builds it by recursion in C, would end the process; or too large."""
    if len(text) > MOST_BYTES:
        raise too_long(where)
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_SAFE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MOST_LEVELS or nodes > _MOST_NODES:
            line = f"{where}, line {event.start_mark.line + 1}" if event.start_mark else where
            raise _too_deep(line) if depth > MOST_LEVELS else _too_many(line)


def too_long(where: str) -> UserError:
    """The error for a text of more than `MOST_BYTES`."""
    return UserError(f"the YAML has more than {MOST_BYTES:,} characters", where=where, cure="put long lists into files of their own")


def _too_deep(where: str) -> UserError:
    return UserError(f"the YAML is nested more than {MOST_LEVELS} levels deep", where=where, cure="take some of its brackets out")


def _too_many(where: str) -> UserError:
    what = f"the YAML holds more than {_MOST_NODES:,} keys and values, with those that aliases repeat"
    return UserError(what, where=where, cure="put long lists into files of their own, and write less by aliases")


class _Places:
    """The lines of what a YAML text holds, and what is wrong with its keys and aliases."""

    def __init__(self, where: str) -> None:
        self.lines: dict[Place, str] = {}
        self._where = where
        self._above: list[yaml.Node] = []
        self._nodes = self._characters = 0  # aliases counted as what they stand for

    def visit(self, node: yaml.Node, path: Place) -> None:
        """Note the lines of what is below a node. Raises `UserError`."""
        self._count(node)
        if isinstance(node, yaml.ScalarNode):
            return
        if any(node is above for above in self._above):
            raise UserError(f"`{_dotted(path)}` contains itself", where=self._line(node), cure="take the alias out")
        if len(self._above) == MOST_LEVELS:
            raise _too_deep(self._line(node))  # by aliases
        self._above.append(node)
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node, path)
            below = [(key.value, key, value) for key, value in node.value]
        else:
            below = [(number, item, item) for number, item in enumerate(node.value)]
        for part, marked, value in below:
            if marked is not value:
                self._count(marked)
            self.lines[*path, part] = self._line(marked)
            self.visit(value, (*path, part))
        self._above.pop()

    def _count(self, node: yaml.Node) -> None:
        self._nodes += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self._nodes > _MOST_NODES:
            raise _too_many(self._line(node))
        if self._characters > MOST_BYTES:
            raise too_long(self._line(node))

    def _check_keys(self, node: yaml.MappingNode, path: Place) -> None:
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise UserError("a key is a list or a mapping", where=self._line(key), cure="write text before the colon")
            if key.tag != f"{_TAG}str":
                cure = f"quote it: '{shortened(key.value)}'"
                raise UserError(f"the key `{_dotted((*path, key.value))}` is no text", where=self._line(key), cure=cure)
            if key.value in first:
                lines = f"lines {first[key.value].start_mark.line + 1} and {key.start_mark.line + 1}"
                what = f"the key `{_dotted((*path, key.value))}` stands twice, {lines}"
                raise UserError(what, where=self._line(key), cure="take one of them out")
            first[key.value] = key

    def _line(self, node: yaml.Node) -> str:
        return f"{self._where}, line {node.start_mark.line + 1}"


def _dotted(path: Place) -> str:
    return shortened(".".join(map(str, path)))
