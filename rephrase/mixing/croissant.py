"""`croissant.json`: a mixture in MLCommons' Croissant 1.0, the JSON-LD that data set search and loaders read."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rephrase.records import MIXTURE, MIXTURE_MEANINGS

_VERSION = "http://mlcommons.org/croissant/1.0"
_OWN_TERMS = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset jsonPath key md5 "
    "parentField path recordSet references regex repeated replace samplingRate separator source subField transform"
)
_TYPES = {pa.string(): "sc:Text", pa.int32(): "sc:Integer", pa.int64(): "sc:Integer", MIXTURE.field("labels").type.value_type: "sc:Text"}


def croissant(manifest: dict[str, Any]) -> dict[str, Any]:
    """The metadata of the mixture that a manifest describes, as JSON values.

    Files are listed with their checksums; the fields are columns of the set of all of them. By the Croissant format specification 1.0
    (Akhtar et al. 2024, arXiv 2403.19546).
    """
    models = manifest["models"]
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": _VERSION,
        "name": "pretraining-mixture",
        "description": f"{manifest['rows']:,} training texts with {manifest['tokens']:,} tokens"
        + (f"; synthetic texts were written by {', '.join(models)}" if models else "")
        + ".",
        "license": [name or "unknown" for name in manifest["licenses"]] or ["unknown"],
        "keywords": ["pretraining", *(["synthetic"] if models else [])],
        "distribution": [*(_file(file) for file in manifest["files"]), _file_set()],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "texts",
                "name": "texts",
                "description": "The rows, in the order of training.",
                "field": [_field(column) for column in MIXTURE],
            }
        ],
    }


def _context() -> dict[str, Any]:
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in _OWN_TERMS.split()},
        "data": {"@id": "cr:data", "@type": "@json"},
    }


def _file(file: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file["name"],
        "name": file["name"],
        "contentUrl": file["name"],
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _file_set() -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": "parquet-files",
        "name": "parquet-files",
        "encodingFormat": "application/x-parquet",
        "includes": "data/*.parquet",
    }


def _field(column: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_list(column.type)
    return {
        "@type": "cr:Field",
        "@id": f"texts/{column.name}",
        "name": column.name,
        "description": MIXTURE_MEANINGS[column.name],
        "dataType": _TYPES[column.type.value_type if is_list else column.type],
        **({"repeated": True} if is_list else {}),
        "source": {"fileSet": {"@id": "parquet-files"}, "extract": {"column": column.name}},
    }
