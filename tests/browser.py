"""A headless Chromium for tests of pages: that which `infra/chromium.py` put into the environment, or one on the PATH."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INSTALLED = Path(sys.prefix) / "chromium" / "chromium"


def chromium() -> str | None:
    """The program, or None where there is none."""
    if INSTALLED.exists():
        return str(INSTALLED)
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def opened_browser() -> Iterator[Any]:
    """A browser, for as long as the block takes."""
    from playwright.sync_api import sync_playwright

    libraries = {**os.environ, "LD_LIBRARY_PATH": str(INSTALLED.parent / "lib")} if INSTALLED.exists() else None
    with sync_playwright() as playwright:
        # Without its sandbox, which needs rights that containers seldom give: the pages are the project's own.
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"], env=libraries)
        try:
            yield browser
        finally:
            browser.close()
