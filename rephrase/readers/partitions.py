"""Fields that the folders of a file name, as Hive, Spark and Arrow write them: `…/language=de/year=2024/part-0.parquet`."""

from __future__ import annotations

import re
from urllib.parse import unquote

_PARTITION = re.compile(r"([^/=]+)=([^/]*)")
_NULL = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(path: str) -> dict[str, str]:
    """The fields by their names; a folder further down wins.

    >>> partitions_of("crawl/language=de/city=K%C3%B6ln/part-0.parquet")
    {'language': 'de', 'city': 'Köln'}
    """
    folders = (_PARTITION.fullmatch(part) for part in path.split("/")[:-1])
    return {unquote(folder[1]): value for folder in folders if folder and (value := unquote(folder[2])) not in ("", _NULL)}
