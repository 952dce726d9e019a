"""Makes paragraphs.jsonl, the paragraphs of the sample crawl, for examples/grid.yaml: each with a topic and a quality.

The topics were given by hand, a page at a time. The quality is what a model trained on examples/quality_labels.jsonl says (`make demo`
trains it), so that the example needs no model:

    python examples/crawl/build_paragraphs.py out/demo-quality/model.bin
"""

import json
import sys
from pathlib import Path

from classifiers.fasttext.combined import Combined
from rephrase import storage
from rephrase.readers import RawDocument, read_documents
from rephrase.readers.settings import Input
from rephrase.settings.models import Models

HERE = Path(__file__).resolve().parent
CRAWL = ["sample.warc.gz", "notes.jsonl"]
LEAST = 120  # characters: shorter ones are headings
TOPICS = {
    "computing": ["binary-search", "chat-templates", "compound"],
    "history": ["antikythera", "eddystone", "malaga", "the-box", "penicillin"],
    "home": ["composting", "starter", "20417"],
    "science": ["how-tides-work", "Honeybee", "mendeleev", "krakatau"],
}


def main(model: str) -> None:
    """Write the paragraphs, in the order of the crawl, each once."""
    settings = Input(paths=[str(HERE / name) for name in CRAWL])
    documents = [
        document
        for path in settings.paths
        for document in read_documents(storage.FileInfo(path, Path(path).stat().st_size), settings)
        if isinstance(document, RawDocument)
    ]
    rows: dict[str, dict[str, str]] = {}
    for document in documents:
        url = document.url or document.metadata.get("url", "")
        topic = next((topic for topic, words in TOPICS.items() if any(word in url for word in words)), None)
        for paragraph in document.text.split("\n\n"):
            if topic and len(paragraph) >= LEAST:
                rows.setdefault(paragraph, {"text": paragraph, "url": url, "topic": topic})
    scores = Combined(Models(models=[model], of="score")).scores(list(rows))
    with (HERE / "paragraphs.jsonl").open("w", encoding="utf-8") as file:
        for row, score in zip(rows.values(), scores, strict=True):
            file.write(json.dumps({**row, "quality": round(float(score), 4)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
