"""The pictures of docs/report.md: `python docs/pictures.py out/demo/report.html`, after `make demo`, `make test` and `rephrase report`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import opened_browser  # noqa: E402  # stands in the repository, which is no package

PICTURES = {
    "report-top": ("light", "", 560),
    "report-recipes": ("light", "#recipes", 620),
    "report-texts": ("light", "#texts", 560),
    "report-explorer": ("light", ".actions", 620),
    "report-dark": ("dark", "#work", 560),
}
"""By name: the theme, what stands at the top, and how high the picture is, in pixels."""


def main(report: str) -> None:
    """Write them to docs/pictures/."""
    (ROOT / "docs" / "pictures").mkdir(exist_ok=True)
    with opened_browser() as browser:
        for name, (theme, anchor, height) in PICTURES.items():
            page = browser.new_page(color_scheme=theme, viewport={"width": 1120, "height": height})
            page.goto(Path(report).resolve().as_uri())
            page.evaluate(
                "root => { const line = document.querySelector('header p'); line.textContent = line.textContent.replace(root, ''); }",
                f"{ROOT}/",
            )
            if name == "report-explorer":
                page.select_option("#recipe", "=mind/interview")
            if anchor:
                page.evaluate("anchor => document.querySelector(anchor).scrollIntoView()", anchor)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                ROOT / "docs" / "pictures" / f"{name}.png", optimize=True
            )  # a third of the size
            page.close()


if __name__ == "__main__":
    main(sys.argv[1])
