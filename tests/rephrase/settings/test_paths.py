from __future__ import annotations

import pytest
from pydantic import ValidationError

from rephrase.settings.paths import File, ListFile, Model, OutputFolder
from rephrase.settings.section import Section


class Places(Section):
    file: File = "a"
    model: Model = "b"
    output: OutputFolder = "c"
    items: list[str] | ListFile = "d"


@pytest.mark.parametrize("key", Places.model_fields)
@pytest.mark.parametrize("base", [None, "/data"])
@pytest.mark.parametrize("path", ["", "  "])
def test_an_empty_path_is_refused_whether_or_not_there_is_a_folder_to_see_it_from(key, base, path):
    with pytest.raises(ValidationError, match="the path is empty"):
        Places.model_validate({key: path}, context={"base": base})
