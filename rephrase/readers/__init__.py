"""Raw web files as documents: WARC, WET, JSONL and Parquet, on disk or on S3."""

from rephrase.readers.base import Dropped, RawDocument, ReadError
from rephrase.readers.files import read_documents

__all__ = ["Dropped", "RawDocument", "ReadError", "read_documents"]
