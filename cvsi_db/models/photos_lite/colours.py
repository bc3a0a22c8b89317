"""The colours of a photograph by region: how much of its top, middle and bottom third is red, blue, grey ..."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cvsi_db.models.photos_lite.layout import COLOURS
from cvsi_db.records import FloatArray

SIDE = 48
MARGIN = 9
"""Of the middle third the outer columns count for nothing: what a photograph is about stands between them."""


def colours_of(picture: Image.Image) -> FloatArray:
    """(37,) the square root of the share of each colour in each region, as COLOUR_PLACES; last the mean saturation.

    A pixel may be of several colours, or of none.
    """
    thumb = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    red, green, blue = np.moveaxis(thumb, -1, 0)
    value, least = thumb.max(-1), thumb.min(-1)
    spread = np.maximum(value - least, 1e-6)
    saturation = (value - least) / np.maximum(value, 1e-6)
    hue = 60 * np.where(
        value == red,
        (green - blue) / spread % 6,
        np.where(value == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    vivid, warm = (saturation > 0.25) & (value > 0.2), (hue < 12) | (hue >= 345)
    masks = {
        "red": vivid & warm & (saturation > 0.45),
        "orange": vivid & (hue >= 12) & (hue < 40) & (saturation > 0.5) & (value > 0.6),
        "yellow": vivid & (hue >= 40) & (hue < 68) & (saturation > 0.35) & (value > 0.5),
        "green": (hue >= 68) & (hue < 165) & (saturation > 0.18) & (value > 0.15),
        "blue": (hue >= 165) & (hue < 255) & (saturation > 0.2) & (value > 0.2),
        "purple": vivid & (hue >= 255) & (hue < 300),
        "pink": (vivid & (hue >= 300) & (hue < 345))
        | (warm & (saturation > 0.15) & (saturation <= 0.45) & (value > 0.7)),
        "brown": (hue >= 10) & (hue < 45) & (saturation > 0.2) & (value < 0.65) & (value >= 0.15),
        "black": value < 0.2,
        "grey": (saturation < 0.18) & (value >= 0.2) & (value <= 0.78),
        "white": (saturation < 0.15) & (value > 0.78),
        "skin": (hue >= 5) & (hue < 35) & (saturation > 0.2) & (saturation < 0.6) & (value > 0.45),
    }
    third = SIDE // 3
    regions = (np.s_[:third], np.s_[third : 2 * third, MARGIN:-MARGIN], np.s_[2 * third :])
    shares = [masks[colour][region].mean() for region in regions for colour in COLOURS]
    return np.array([*np.sqrt(shares), saturation.mean()], np.float32)
