"""The pen: fills and lines on a skia canvas in one drawing style; the only module that imports skia.

Takes shapes in the current unit space and colours as tuples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvsi_db.errors import CvsiError
from cvsi_db.scenes.drawing.palette import INK, Colour, Tint, mix, plain_tint, shade

try:
    import skia
except ImportError as error:
    raise CvsiError(
        f"drawing scenes needs skia ({error}): run `pip install 'cvsi-db[scenes]'` "
        "and, if a library is missing, `apt-get install libegl1 libgl1`"
    ) from error

Point = tuple[float, float]
Pixels = NDArray[np.float32]
"""An RGB picture, (height, width, 3), 0..255."""

_ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}
_METHODS = {"M": "moveTo", "L": "lineTo", "Q": "quadTo", "C": "cubicTo", "Z": "close"}


@dataclass(frozen=True)
class Ink:
    """How a style puts shapes down. Lengths are picture units (the picture is 100 wide)."""

    outline: float = 0.0  # width of the line around a shape, 0 for none
    rough: float = 0.0  # how far a hand-drawn line strays
    shading: float = 0.0  # how much lighter the top of a shape is than its bottom
    shadow: float = 0.0  # how far a shape's shadow falls
    paper: Colour = (255, 255, 255)
    fade: float = 0.0  # how much of the paper shows through a fill


@lru_cache(maxsize=4096)
def path(text: str) -> Any:
    """The skia path of "M x y L x y Q x y x y C x y x y x y Z" (absolute coordinates, blank-separated)."""
    result, words = skia.Path(), text.split()
    at = 0
    while at < len(words):
        command, at = words[at], at + 1
        count = _ARGUMENTS[command]
        getattr(result, _METHODS[command])(*(float(word) for word in words[at : at + count]))
        at += count
    return result


def _paint(colour: Colour, alpha: float = 1.0) -> Any:
    red, green, blue = (min(255, max(0, round(channel))) for channel in colour)
    return skia.Paint(AntiAlias=True, Color=skia.Color(red, green, blue, round(255 * alpha)))


def _argb(colour: Colour, alpha: float = 1.0) -> int:
    red, green, blue = (min(255, max(0, round(channel))) for channel in colour)
    return int(skia.Color(red, green, blue, round(255 * alpha)))


class Pen:
    """Draws shapes on a square canvas of `pixels` × `pixels`, 100 × 100 units, in the manner of `ink`."""

    def __init__(self, pixels: int, ink: Ink) -> None:
        self.ink = ink
        self.tint: Tint = plain_tint
        self.line_weight = 1.0
        self.arm_raised = False  # whether the figure being drawn lifts the arm that holds nothing
        self._surface = skia.Surface(pixels, pixels)
        self._canvas = self._surface.getCanvas()
        self._canvas.scale(pixels / 100, pixels / 100)
        self._scale = 1.0
        self._strokes = 0

    def pixels(self) -> Pixels:
        """What has been drawn so far."""
        rgba = self._surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        return np.ascontiguousarray(rgba[..., :3], dtype=np.float32)

    @contextmanager
    def at(
        self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, *, flip: bool = False, stretch: float = 1.0
    ) -> Iterator[None]:
        """A unit space of its own: origin at (x, y), scaled, turned by degrees, mirrored; `stretch` widens it."""
        before = self._scale
        self._canvas.save()
        self._canvas.translate(x, y)
        self._canvas.rotate(turn)
        self._canvas.scale(-scale * stretch if flip else scale * stretch, scale)
        self._scale *= scale
        try:
            yield
        finally:
            self._scale = before
            self._canvas.restore()

    @contextmanager
    def light(self, tint: Tint, line_weight: float | None = None) -> Iterator[None]:
        """Colours seen through `tint`, and outlines `line_weight` times as wide."""
        before = self.tint, self.line_weight
        self.tint = tint
        self.line_weight = self.line_weight if line_weight is None else line_weight
        try:
            yield
        finally:
            self.tint, self.line_weight = before

    def path(self, text: str, colour: Colour, *, line: bool = True) -> None:
        """Fill the closed path `text` (see `path`)."""
        self._fill(path(text), colour, line)

    def poly(self, points: Sequence[Point], colour: Colour, *, line: bool = True, layer: bool = False) -> None:
        """Fill a polygon; a `layer` casts a shadow even without a line."""
        shape = skia.Path()
        shape.addPoly([skia.Point(*point) for point in points], True)
        if layer and self.ink.shadow:
            self._shadow(shape, up=True)
        self._fill(shape, colour, line)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, line: bool = True) -> None:
        """Fill an ellipse around (x, y)."""
        shape = skia.Path()
        shape.addOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))
        self._fill(shape, colour, line)

    def dot(self, x: float, y: float, radius: float, colour: Colour, *, line: bool = True) -> None:
        """Fill a circle around (x, y)."""
        self.oval(x, y, radius, radius, colour, line=line)

    def box(
        self, x: float, y: float, width: float, height: float, colour: Colour, *, round_by: float = 0, line: bool = True
    ) -> None:
        """Fill a rectangle with its top left at (x, y)."""
        shape = skia.Path()
        shape.addRoundRect(skia.Rect.MakeXYWH(x, y, width, height), round_by, round_by)
        self._fill(shape, colour, line)

    def stroke(self, text: str, colour: Colour, width: float, *, line: bool = False) -> None:
        """Draw along the open path `text`; with `line`, the stroke is outlined as a shape is."""
        shape = path(text)
        outline = self._outline_width() if line else 0.0
        if line and self.ink.shadow:
            self._shadow(shape, stroke=width)
        if outline:
            self._along(shape, self._line_colour(colour), width + 2 * outline)
        self._along(shape, self._toned(colour), width)

    def gradient(
        self, box: tuple[float, float, float, float], colours: Sequence[Colour], alphas: Sequence[float] | None = None
    ) -> None:
        """Fill the box (left, top, right, bottom) from top to bottom through `colours`, untinted."""
        tones = [self._faded(colour) for colour in colours]
        stops = [_argb(tone, alpha) for tone, alpha in zip(tones, alphas or [1.0] * len(tones), strict=True)]
        ends = [skia.Point(0, box[1]), skia.Point(0, box[3])]
        paint = skia.Paint(Shader=skia.GradientShader.MakeLinear(points=ends, colors=stops))
        self._canvas.drawRect(skia.Rect.MakeLTRB(*box), paint)

    def glow(self, x: float, y: float, radius: float, colour: Colour, alpha: float = 0.5) -> None:
        """A soft round light that fades outwards."""
        stops = [_argb(colour, alpha), _argb(colour, 0)]
        paint = skia.Paint(Shader=skia.GradientShader.MakeRadial(skia.Point(x, y), radius, stops))
        self._canvas.drawCircle(x, y, radius, paint)

    def veil(self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float) -> None:
        """A soft translucent ellipse: a shadow on the ground, a bank of fog."""
        self._canvas.save()
        self._canvas.translate(x, y)
        self._canvas.scale(1, ry / rx)
        self.glow(0, 0, rx, colour, alpha)
        self._canvas.restore()

    def streaks(self, lines: Sequence[tuple[Point, Point]], colour: Colour, width: float, alpha: float) -> None:
        """Many thin translucent lines at once."""
        shape = skia.Path()
        for start, end in lines:
            shape.moveTo(*start)
            shape.lineTo(*end)
        paint = _paint(colour, alpha)
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        self._canvas.drawPath(shape, paint)

    def dots(self, spots: Sequence[tuple[float, float, float]], colour: Colour, alpha: float = 1.0) -> None:
        """Many plain circles (x, y, radius) at once, untinted."""
        shape = skia.Path()
        for x, y, radius in spots:
            shape.addCircle(x, y, radius)
        self._canvas.drawPath(shape, _paint(colour, alpha))

    def _fill(self, shape: Any, colour: Colour, line: bool) -> None:
        if line and self.ink.shadow:
            self._shadow(shape)
        tone = self._toned(colour)
        paint = _paint(tone)
        if self.ink.shading and line:
            bounds = shape.getBounds()
            ends = [skia.Point(bounds.left(), bounds.top()), skia.Point(bounds.right(), bounds.bottom())]
            stops = [_argb(shade(tone, self.ink.shading)), _argb(tone), _argb(shade(tone, -self.ink.shading))]
            paint.setShader(skia.GradientShader.MakeLinear(points=ends, colors=stops, positions=[0, 0.45, 1]))
        self._canvas.drawPath(shape, paint)
        if line and self._outline_width():
            self._along(shape, self._line_colour(colour), self._outline_width())

    def _along(self, shape: Any, tone: Colour, width: float) -> None:
        paint = _paint(tone)
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
        if self.ink.rough:
            self._strokes += 1
            stray = self.ink.rough / self._scale
            paint.setPathEffect(skia.DiscretePathEffect.Make(6 * stray, stray, self._strokes))
        self._canvas.drawPath(shape, paint)

    def _shadow(self, shape: Any, stroke: float = 0.0, *, up: bool = False) -> None:
        fall = self.ink.shadow * self.line_weight / self._scale
        paint = _paint(INK, 0.33)
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.45 * fall))
        if stroke:
            paint.setStyle(skia.Paint.kStroke_Style)
            paint.setStrokeWidth(stroke)
            paint.setStrokeCap(skia.Paint.kRound_Cap)
        self._canvas.save()
        self._canvas.translate(0.6 * fall, -2 * fall if up else fall)
        self._canvas.drawPath(shape, paint)
        self._canvas.restore()

    def _outline_width(self) -> float:
        # Thinner on small figures, but less than in proportion: a line must survive at 96 pixels.
        return self.ink.outline * self.line_weight / float(self._scale**0.6)

    def _toned(self, colour: Colour) -> Colour:
        return self._faded(self.tint(colour))

    def _faded(self, colour: Colour) -> Colour:
        return mix(colour, self.ink.paper, self.ink.fade)

    def _line_colour(self, colour: Colour) -> Colour:
        if self.ink.rough:
            return mix((62, 60, 66), self.tint(colour), 0.15)
        return self.tint(mix(colour, INK, 0.8))
