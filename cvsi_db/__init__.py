"""cvsi-db: composed image search, *this picture, but …*, on LanceDB.

The public names load on first use, so that importing the package costs nothing: `cvsi-db --help` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvsi_db.errors import CvsiError
    from cvsi_db.gallery import Gallery
    from cvsi_db.ingest.ray_engine import RayEngine
    from cvsi_db.records import ComposedQuery, IngestSummary, Preset
    from cvsi_db.search.result import Hit, SearchResult

__version__ = "0.1.0"

__all__ = ["ComposedQuery", "CvsiError", "Gallery", "Hit", "IngestSummary", "Preset", "RayEngine", "SearchResult"]

_HOMES = {
    "CvsiError": "cvsi_db.errors",
    "Gallery": "cvsi_db.gallery",
    "Hit": "cvsi_db.search.result",
    "RayEngine": "cvsi_db.ingest.ray_engine",
    "SearchResult": "cvsi_db.search.result",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cvsi_db.records")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
