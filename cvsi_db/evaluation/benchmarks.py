"""Which benchmark of the field a name means; knows nothing about how any of them is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from cvsi_db.evaluation.circo import read_circo
from cvsi_db.evaluation.cirr import read_cirr
from cvsi_db.evaluation.fashioniq import read_fashioniq
from cvsi_db.evaluation.field import FieldBenchmark

Reader: TypeAlias = Callable[[Path, str, Path | None], FieldBenchmark]
"""Takes the benchmark's folder, a split, and where the images are if not in their place. Raises UsageError."""

READERS: Mapping[str, Reader] = MappingProxyType({"cirr": read_cirr, "circo": read_circo, "fashioniq": read_fashioniq})
