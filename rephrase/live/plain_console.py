"""A console for texts of others, be they of pages, models, servers or files: they steer nothing, and nothing in them is a mark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.console import Console
from typing_extensions import override

from rephrase.live.config_name import as_given

if TYPE_CHECKING:
    from rich.text import Text

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """A text of the web or of a model for a terminal: characters that would steer it, or turn its lines round, as their escapes."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text)


class PlainConsole(Console):
    """Prints strings as they are, but for what is not harmless: `[/x]` and `:key:` are no styles and no pictures.

    Commands in them are the user's own, see `as_given`. A `Text` is styled by who makes it, and made harmless there.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    @override
    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(as_given(harmless(text)), **options)
