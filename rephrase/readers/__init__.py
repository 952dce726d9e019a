"""Raw web files as documents: WARC, WET, JSONL, Parquet and what packages add, on disk or in any store."""

from rephrase.readers.base import Dropped, RawDocument, ReadError
from rephrase.readers.files import read_documents

__all__ = ["Dropped", "RawDocument", "ReadError", "read_documents"]
