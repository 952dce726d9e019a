"""Files of code as texts with their languages."""

from __future__ import annotations

from rephrase.text.code.languages import language_of_file
from rephrase.text.code.notebooks import NOTEBOOK, notebook_text

_NOTEBOOK_ENDING = ".ipynb"


def code_of(text: str, path: str, language: str | None = None) -> tuple[str, str | None]:
    """The text of a file and its language: that which is known, else what its path or its first lines tell.

    A notebook becomes its cells; one that cannot be read stays as it is.
    """
    if language == NOTEBOOK or path.lower().endswith(_NOTEBOOK_ENDING):
        try:
            return notebook_text(text), NOTEBOOK
        except ValueError:
            return text, language
    return text, language or language_of_file(path, text)
