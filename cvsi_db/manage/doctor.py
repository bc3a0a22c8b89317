"""The doctor: is everything here that cvsi-db needs, and which command mends what is not?

Takes the settings in force; returns Findings: versions, device, settings, models and the gallery's health. No model is
loaded, and the network is not asked.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from cvsi_db.errors import CvsiError
from cvsi_db.settings import Settings, load_settings

Verdict = Literal["ok", "note", "problem"]

PACKAGES = ("cvsi-db", "lancedb", "pyarrow", "torch", "torchvision", "open_clip_torch", "transformers", "pillow")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is, what was found, and the remedy where something can be done."""

    about: str
    found: str
    verdict: Verdict = "ok"
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that was looked at, in the order of the installation, the models and the gallery."""
    return [*_installation(settings), *_models(), *_gallery(settings)]


def _installation(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    )
    for name in PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", "problem", "pip install cvsi-db again")
    try:
        from cvsi_db.models.device import choose_device

        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        yield Finding("device", f"{choose_device(settings.device)} ({cores} cores)")
    except CvsiError as error:
        yield Finding("device", str(error), "problem", "set another device, or auto")
    except (ImportError, OSError, RuntimeError) as error:
        yield Finding("device", f"torch cannot be imported: {error}", "problem", "install torch for this machine again")
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith("CVSI_")}
    yield Finding(
        "settings", ", ".join(f"{name}={value}" for name, value in given.items()) or "no CVSI_ variable is set"
    )
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    yield Finding(
        "model hub", "not asked, because HF_HUB_OFFLINE is set" if offline else "asked when weights are missing"
    )


def _models() -> Iterator[Finding]:
    from cvsi_db.models.inventory import inventory, licence_of, readable, size_of, state_of
    from cvsi_db.models.spec import BUNDLES

    for spec in BUNDLES.values():
        try:
            parts = inventory(spec)
        except CvsiError as error:
            yield Finding(f"model {spec.name}", str(error), "note")
            continue
        state = state_of(parts)
        found = f"{state} on this machine, {licence_of(parts)}"
        remedy = "" if state == "fully" else f"cvsi-db models pull {spec.name}  ({readable(size_of(parts))})"
        yield Finding(f"model {spec.name}", found, "ok" if state == "fully" else "note", remedy)


def _gallery(settings: Settings) -> Iterator[Finding]:
    from cvsi_db.gallery import Gallery
    from cvsi_db.store.folder import is_gallery

    folder = settings.db
    where = "" if folder == load_settings().db else f" --db {folder}"
    try:
        if not is_gallery(folder):
            yield Finding(
                "gallery", f"none in {folder}", "note", "cvsi-db ingest FOLDER makes one; --db DIR names another"
            )
            return
        with Gallery.open(folder) as gallery:
            stats = gallery.stats()
            problems = gallery.check()
    except CvsiError as error:
        yield Finding("gallery", f"{folder}: {error}", "problem", f"cvsi-db check --repair{where}")
        return
    yield Finding("gallery", f"{folder}: {stats['images']:,} images, model {stats['model']}")
    if stats["uncaptioned"]:
        left = f"{stats['uncaptioned']:,} images have no captions yet"
        yield Finding("captions", left, "note", f"cvsi-db caption{where}")
    behind = [index["column"] for index in stats["indexes"] if index["rows_since"]]
    if behind:
        yield Finding("indexes", f"behind on {', '.join(behind)}", "note", f"cvsi-db optimize{where}")
    if problems:
        first = f"{len(problems):,} problems; the first: {problems[0]}"
        yield Finding("health", first, "problem", f"cvsi-db check{where}, then cvsi-db check --repair{where}")
    else:
        yield Finding("health", "no problem found")
