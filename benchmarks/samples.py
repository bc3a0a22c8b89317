"""What the benchmarks of the product run on: the sample gallery, one query of it, and the installed command.

Imports nothing that takes time, since a cold start is measured too.
"""

from __future__ import annotations

import sys
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "sample_gallery"
REFERENCE, EDIT = SAMPLES / "red-cat-beach.png", "with a hat"
COMMAND = str(Path(sys.executable).with_name("cvsi-db"))
