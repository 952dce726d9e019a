"""What the keys of a section mean, as the source of its class says it."""

from __future__ import annotations

import ast
import inspect
import textwrap

from rephrase.settings.section import Section


def explanations(section: type[Section]) -> dict[str, str]:
    """What stands as a string below each key in the source of the class and of those that it extends; nothing for classes without one."""
    texts: dict[str, str] = {}
    for part in reversed(section.__mro__):
        if not issubclass(part, Section) or part is Section:
            continue
        try:
            source = inspect.getsource(part)
        except (OSError, TypeError):  # made while the program runs, of a recipe file
            continue
        body = ast.parse(textwrap.dedent(source)).body[0]
        assert isinstance(body, ast.ClassDef)
        for key, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[ast.unparse(key.target)] = " ".join(str(text.value.value).split())
    return texts
