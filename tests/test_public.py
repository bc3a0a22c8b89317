"""The public names are pinned: adding or removing one is a decision."""

from __future__ import annotations

import subprocess
import sys

import cvsi_db


def test_public_names() -> None:
    assert sorted(cvsi_db.__all__) == cvsi_db.__all__
    assert cvsi_db.__all__ == [
        "ComposedQuery",
        "CvsiError",
        "Gallery",
        "Hit",
        "IngestSummary",
        "Preset",
        "RayEngine",
        "SearchResult",
    ]
    assert all(getattr(cvsi_db, name).__name__ == name for name in cvsi_db.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import sys, cvsi_db; cvsi_db.Gallery; print([m for m in ('torch', 'lancedb', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
