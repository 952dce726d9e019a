"""The parser of a command line: a command that is not known is told with the one that was meant."""

from __future__ import annotations

import argparse
from typing import Any

from typing_extensions import override

from rephrase.settings.nearest import nearest


class CommandParser(argparse.ArgumentParser):
    """Its subcommands have parsers of the same kind."""

    @override
    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse has no public place for this; its own words list all choices and none that is near.
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"there is no `{value}`; {nearest(value, map(str, action.choices))}")
