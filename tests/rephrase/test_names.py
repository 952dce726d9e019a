"""Names of objects: what stands on disk, and that it is read back."""

from __future__ import annotations

import pytest

from rephrase.errors import UserError
from rephrase.names import (
    DocumentsName,
    ErrorsName,
    ExchangeName,
    ExportName,
    ExtractedName,
    GenerationsName,
    MixtureName,
    Place,
    RowsName,
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (DocumentsName(12), "part-00012.parquet"),
        (DocumentsName(123456), "part-123456.parquet"),
        (ExtractedName(12), "00012.parquet"),
        (ErrorsName("shard", 12), "shard-00012.parquet"),
        (RowsName("tinystories/story", "0a1b2c3d"), "tinystories.story-0a1b2c3d"),
        (GenerationsName(Place("wrap.easy.rewrite", 12, 3)), "wrap.easy.rewrite-00012-0003-0000.parquet"),
        (GenerationsName(Place("my-own.rewrite", 123456, 3), 1, 9), "my-own.rewrite-123456-0003-0001of0009.parquet"),
        (ExchangeName(12), "000012.arrows"),
        (MixtureName(12, 100), "part-00012.parquet"),
        (MixtureName(12, 1_000_000), "part-000012.parquet"),
        (ExportName("s3://run/mixture/data/part-00012.parquet", 3), "part-00012-003"),
    ],
)
def test_names_stand_on_disk_so(name: object, text: str) -> None:
    assert str(name) == text


@pytest.mark.parametrize(
    "name",
    [
        DocumentsName(12),
        DocumentsName(123456),
        GenerationsName(Place("wrap.easy.rewrite", 12, 3), 4),
        GenerationsName(Place("my-own.recipe-2.rewrite", 123456, 34567), 1, 12345),
        ExchangeName(1234567),
    ],
)
def test_names_are_read_back(name: DocumentsName | GenerationsName | ExchangeName) -> None:
    assert type(name).of(f"s3://bucket/run/table/{name}") == name


def test_a_place_is_what_the_parts_of_a_step_share() -> None:
    place = Place.at("wrap/easy", "rewrite", "out/documents/part-00012.parquet", 3)
    assert {GenerationsName.of(str(GenerationsName(place, part, 3))).place for part in range(3)} == {place}
    assert Place.at("wrap/easy", "rewrite", "out/rows/wrap.easy-0a1b2c3d/part-00000.parquet", 3).documents == 0


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (DocumentsName, "out/documents/part-00000.snappy.parquet"),
        (GenerationsName, "out/generations/part-00000.parquet"),
        (ExchangeName, "out/x.arrows"),
    ],
)
def test_a_file_of_another_name_is_an_error(kind: type[DocumentsName | GenerationsName | ExchangeName], path: str) -> None:
    with pytest.raises(UserError, match=f"^{path}: no stage gives an object such a name"):
        kind.of(path)
