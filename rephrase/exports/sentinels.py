"""The tokens that mark prefix, suffix and middle: sets of known models, or those that somebody names."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The control tokens before the prefix, the suffix and the middle, as text; `end` stands after the middle, where a model has one."""

    prefix: str
    suffix: str
    middle: str
    end: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """All that there are."""
        return tuple(token for token in (self.prefix, self.suffix, self.middle, self.end) if token)

    def missing_from(self, tokenizer: Tokenizer) -> list[str]:
        """Those that are no control tokens of the tokenizer."""
        return [token for token in self.all if tokenizer.control_id(token) is None]


class _Known(Section):
    prefix: str
    suffix: str
    middle: str
    end: str | None = None
    source: str


@functools.cache
def known_sentinels() -> dict[str, Sentinels]:
    """The sets of sentinels.yaml by their names, in its order."""
    data = parse_yaml(resources.files(__package__).joinpath("sentinels.yaml").read_text("utf-8"), "sentinels.yaml")
    sets: dict[str, _Known] = {name: validate(_Known, tokens, f"sentinels.yaml, {name}") for name, tokens in data.items()}
    return {name: Sentinels(tokens.prefix, tokens.suffix, tokens.middle, tokens.end) for name, tokens in sets.items()}


def sentinels_of(tokenizer: str) -> Sentinels:
    """The first known set that the tokenizer has. Raises `UserError` where it has none."""
    inner = Tokenizer.load(tokenizer)
    fitting = next((tokens for tokens in known_sentinels().values() if not tokens.missing_from(inner)), None)
    if fitting is None:
        names = ", ".join(f"{tokens.prefix} ({name})" for name, tokens in known_sentinels().items())
        cure = f"add three control tokens to the tokenizer and name them: --fim prefix=… --fim suffix=… --fim middle=…; known are {names}"
        raise UserError("the tokenizer has no tokens that mark prefix, suffix and middle", where=tokenizer, cure=cure)
    return fitting
