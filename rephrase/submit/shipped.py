"""What a cluster is given beside the package: the scripts of jobs/ and the settings of infra/, from the checkout or the installed wheel."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from rephrase.errors import UserError

_BESIDE_WHEEL = "share/rephrase"
IN_ARCHIVE = f"./environment/{_BESIDE_WHEEL}"
"""Where the same lies in the working folder of an executor that has unpacked the archive."""


def shipped(name: str) -> Path:
    """The path of a file such as `jobs/run.py`. Raises `UserError` where neither a checkout nor the wheel has it."""
    places = [Path(__file__).parents[2], Path(sysconfig.get_path("data"), _BESIDE_WHEEL)]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise UserError(f"there is no {name}", where=" and ".join(map(str, places)), cure="install the wheel of `make package`")
