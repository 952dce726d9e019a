"""Errors that validators raise about a config, told to the user as they are and with a cure of their own."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from rephrase.settings.yaml_text import Place

USER_ERROR = "user_error"
"""Their type among pydantic's."""


def fault(what: str, cure: str, place: Place = (), value: Any = None) -> ValidationError:
    """An error that a validator raises about what stands at `place` below it, told as it is and with its own cure."""
    kind = PydanticCustomError(USER_ERROR, "{message}", {"message": what, "cure": cure})
    return ValidationError.from_exception_data("config", [{"type": kind, "loc": place, "input": value}])
