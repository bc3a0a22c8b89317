"""Opening: a gallery's folder together with the models it is to be used with.

Takes a folder and the names of a bundle and a rewriter; returns what a Gallery is made of. Knows nothing about what is
then done with it.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cvsi_db.errors import BundleError

if TYPE_CHECKING:
    from cvsi_db.models.bundle import Bundle
    from cvsi_db.models.protocols import Rewriter
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store


class Opened(NamedTuple):
    """What a gallery is made of. The models of the bundle load when they are first used."""

    folder: Path
    store: Store
    catalog: Catalog
    bundle: Bundle
    rewriter: Rewriter


def create(folder: Path, model: str, device: str, rewriter: str | None) -> Opened:
    """An empty gallery for the bundle `model`; `rewriter` stands in for the bundle's own.

    Raises GalleryError when the folder holds a gallery already or something else, BundleError for an unknown bundle,
    ModelError when its weights cannot be had.
    """
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter
    from cvsi_db.store.catalog import GalleryInfo
    from cvsi_db.store.folder import create_gallery_folder

    bundle = load_bundle(model, device)
    speaker = make_rewriter(rewriter or bundle.spec.rewriter)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    info = GalleryInfo(bundle.source, bundle.fingerprint, bundle.encoder.dim, now)
    return Opened(folder, *create_gallery_folder(folder, info), bundle, speaker)


def open_existing(folder: Path, model: str | None, device: str, rewriter: str | None) -> Opened:
    """The gallery in `folder` with the bundle it was made with, which `model` may name again.

    Raises GalleryError when there is none, MigrationError when a newer version made it, BundleError when `model` is
    another bundle or its weights have changed.
    """
    from cvsi_db.models.bundle import load_bundle
    from cvsi_db.models.rewriters import make_rewriter
    from cvsi_db.store.folder import open_gallery_folder

    store, catalog = open_gallery_folder(folder)
    with ExitStack() as on_error:
        on_error.callback(catalog.close)
        info = catalog.gallery()
        bundle = load_bundle(model or info.bundle, device)
        if not bundle.fits(info.fingerprint):
            raise BundleError(
                f"the gallery {str(folder)!r} was made with {info.fingerprint}, not with {bundle.fingerprint}: "
                f"use --model {info.bundle}, or another --db for this model"
            )
        speaker = make_rewriter(rewriter or bundle.spec.rewriter)
        on_error.pop_all()
    return Opened(folder, store, catalog, bundle, speaker)
