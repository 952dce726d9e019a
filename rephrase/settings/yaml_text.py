"""YAML from users: its values, and where each stands, or an error that names the line."""

from __future__ import annotations

from typing import Any

import yaml
from typing_extensions import override

from rephrase.errors import UserError

Place = tuple[str | int, ...]
"""Where something stands in a config: keys, and numbers of list items from 0."""
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it
_TAG = "tag:yaml.org,2002:"
_MOST_LEVELS = 100
_MOST_REPEATS = 100_000  # a few lines of aliases to aliases stand for billions of items


class _Loader(_SAFE):  # type: ignore[misc]  # chosen while the program runs
    """PyYAML's, which lets the errors of Python's own conversions through."""

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            problem = f"`{node.value}` is no {node.tag.removeprefix(_TAG)}" if isinstance(node, yaml.ScalarNode) else str(error)
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def parse_yaml(text: str, where: str) -> Any:
    """The values of a YAML text. Raises `UserError` like `read_yaml`."""
    return read_yaml(text, where)[0]


def read_yaml(text: str, where: str) -> tuple[Any, dict[Place, str]]:
    """The values of a YAML text; and the file and line ("run.yaml, line 3") of each key and list item.

    Raises `UserError` with the line for what is no YAML, a key that stands twice or is no text, and what contains itself or is too deep.
    """
    try:
        _check_depth(text, where)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            places = _Places(where)
            if root is not None:
                places.visit(root, ())
            return (None if root is None else loader.construct_document(root)), places.lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{where}, line {mark.line + 1}" if mark else where
        raise UserError(f"not valid YAML: {getattr(error, 'problem', error)}", where=line, cure="mend the line") from error
    except ValueError as error:  # of the text itself, such as half a character
        raise UserError(f"not valid YAML: {error}", where=where, cure="write it in UTF-8") from error


def _check_depth(text: str, where: str) -> None:
    """Raise `UserError` for what is nested so deep that PyYAML, which builds it by recursion in C, would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_SAFE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            raise _too_deep(f"{where}, line {event.start_mark.line + 1}" if event.start_mark else where)


def _too_deep(where: str) -> UserError:
    return UserError("the YAML is nested too deep", where=where, cure="take some of its brackets out")


class _Places:
    """The lines of what a YAML text holds, and what is wrong with its keys and aliases."""

    def __init__(self, where: str) -> None:
        self.lines: dict[Place, str] = {}
        self._where = where
        self._above: list[yaml.Node] = []
        self._visited: set[int] = set()
        self._repeats = 0

    def visit(self, node: yaml.Node, path: Place) -> None:
        """Note the lines of what is below a node. Raises `UserError`."""
        if isinstance(node, yaml.ScalarNode):
            return
        if any(node is above for above in self._above):
            raise UserError(f"`{_dotted(path)}` contains itself", where=self._line(node), cure="take the alias out")
        if len(self._above) == _MOST_LEVELS:
            raise _too_deep(self._line(node))  # by aliases
        if id(node) in self._visited:
            self._repeats += len(node.value) + 1
            if self._repeats > _MOST_REPEATS:
                cure = "write less by aliases"
                raise UserError(f"aliases repeat more than {_MOST_REPEATS:,} items", where=self._line(node), cure=cure)
        self._visited.add(id(node))
        self._above.append(node)
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node, path)
            below = [(key.value, key, value) for key, value in node.value]
        else:
            below = [(number, item, item) for number, item in enumerate(node.value)]
        for part, marked, value in below:
            self.lines[*path, part] = self._line(marked)
            self.visit(value, (*path, part))
        self._above.pop()

    def _check_keys(self, node: yaml.MappingNode, path: Place) -> None:
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if key.tag == f"{_TAG}merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise UserError("a key is a list or a mapping", where=self._line(key), cure="write text before the colon")
            if key.tag != f"{_TAG}str":
                cure = f"quote it: '{key.value}'"
                raise UserError(f"the key `{_dotted((*path, key.value))}` is no text", where=self._line(key), cure=cure)
            if key.value in first:
                lines = f"lines {first[key.value].start_mark.line + 1} and {key.start_mark.line + 1}"
                what = f"the key `{_dotted((*path, key.value))}` stands twice, {lines}"
                raise UserError(what, where=self._line(key), cure="take one of them out")
            first[key.value] = key

    def _line(self, node: yaml.Node) -> str:
        return f"{self._where}, line {node.start_mark.line + 1}"


def _dotted(path: Place) -> str:
    return ".".join(map(str, path))
