"""The starter bundle's weights: a small CLIP, its phi and a captioner that know drawings of the scenes' world only.

What they are, how they were trained and how well they do is in README.md beside this file.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Holds `clip/` (read with open_clip's `local-dir:`), `phi.safetensors` and `captioner/`."""
