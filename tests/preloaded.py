"""What the processes of `tests.processes` have imported when they are forked, offline as a hub's client reads it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore", "lancedb fork support")

import cvsi_db  # noqa: E402  after the hub's setting
from cvsi_db.models.torchvision_shim import ensure_torchvision  # noqa: E402

ensure_torchvision()
for name in ("open_clip", "transformers.models.clip", "transformers.models.auto", "alembic.command"):
    importlib.import_module(name)
for module in pkgutil.walk_packages(cvsi_db.__path__, "cvsi_db."):
    if not module.name.startswith(("cvsi_db.__main__", "cvsi_db.migrations", "cvsi_db.server")):
        importlib.import_module(module.name)
