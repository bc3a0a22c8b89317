"""The page: a search result as one self-contained HTML document, light or dark as its reader prefers.

Takes a result and the decoded reference image; returns text. Everything is inside it (style, thumbnails), and a content
policy forbids the rest, so that it can be mailed, archived and opened offline. The markup is in hits.html.jinja, the
style in hits.css; autoescape keeps texts and paths from becoming markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from cvsi_db.ingest.read_bytes import place_of
from cvsi_db.records import TERM_NAMES, TermName
from cvsi_db.search.present.labels import examples, ranked_by, reference_label
from cvsi_db.search.present.thumbnails import thumbnail, thumbnail_of
from cvsi_db.search.result import Hit, SearchResult, TermScore

if TYPE_CHECKING:
    from PIL.Image import Image

LABELS: dict[TermName, str] = {
    "edited_captions": "edited captions",
    "edit_direction": "edit direction",
    "pseudo_token": "pseudo-token",
    "image": "reference image",
    "objects": "added objects",
    "edit_text": "edit text",
    "composed": "image and edit together",
    "liked": "liked images",
    "unliked": "unliked images",
    "negative": "negative text",
}


@dataclass(frozen=True)
class Bar:
    """One term's contribution, drawn from the zero that all bars of the page share; `left` and `width` in per cent."""

    term: TermName
    score: TermScore
    left: float
    width: float


@dataclass(frozen=True)
class Card:
    """One hit: its thumbnail as a data URI, if there is one, and a bar for each term that has a weight.

    `link` is the file's URL, for a path that is absolute.
    """

    hit: Hit
    name: str
    folder: str
    link: str | None
    captions: tuple[str, ...]
    thumbnail: str | None
    bars: tuple[Bar, ...]


def to_html(result: SearchResult, reference: Image | None) -> str:
    """The whole document. A hit without a thumbnail in the gallery whose file cannot be read shows a placeholder."""
    kept = result.thumbnails()
    values = [score.contribution for hit in result for score in hit.terms.values()]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    label = reference_label(result.compiled.query.reference)
    template, style = _template()
    return template.render(
        compiled=result.compiled,
        warnings=result.warnings,
        cards=[_card(hit, low, high if high > low else low + 1.0, kept.get(hit.image_id)) for hit in result],
        milliseconds=result.timings_ms.get("total"),
        reference=label,
        reference_name=Path(label or "").name,
        thumbnail=None if reference is None else thumbnail(reference),
        examples=examples(result.compiled.query),
        ranked_by=ranked_by(result.compiled),
        names=LABELS,
        style=style,
    )


def _card(hit: Hit, low: float, high: float, kept: bytes | None) -> Card:
    """A hit with the thumbnail that is kept of it, its bars on a scale from `low` to `high`, which has 0 on it."""
    path, bars = place_of(hit.path), []
    for name in TERM_NAMES:
        if name in hit.terms and hit.terms[name].weight:
            left, right = min(hit.terms[name].contribution, 0.0), max(hit.terms[name].contribution, 0.0)
            scale = 100 / (high - low)
            bars.append(Bar(name, hit.terms[name], (left - low) * scale, (right - left) * scale))
    captions = tuple(hit.metadata.get("captions") or ())
    link = path.as_uri() if isinstance(path, Path) and path.is_absolute() else None
    return Card(hit, path.name, str(path.parent), link, captions, thumbnail_of(hit.path, kept), tuple(bars))


@cache
def _template() -> tuple[Template, Markup]:
    """The page's template and its style sheet, which alone is put in as it is."""
    folder = files("cvsi_db.search.present")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((folder / "hits.html.jinja").read_text("utf-8"))
    return template, Markup((folder / "hits.css").read_text("utf-8"))
