"""The page: a search result as one self-contained HTML document, light or dark as its reader prefers.

Takes a result and the reference picture; returns text. Everything is inside it (style, thumbnails), and a content
policy forbids the rest, so that it can be mailed, archived and opened offline. Knows nothing about how hits are found.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cvsi_db.errors import ImageError
from cvsi_db.records import TERM_NAMES, Hit, SearchResult, TermName, TermScore
from cvsi_db.search.present.hits import examples, reference_label

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 320
"""The longest side of a thumbnail, in pixels."""

LABELS: dict[TermName, str] = {
    "edited_captions": "edited captions",
    "edit_direction": "edit direction",
    "pseudo_token": "pseudo-token",
    "image": "reference image",
    "objects": "added objects",
    "liked": "liked images",
    "unliked": "unliked images",
    "negative": "negative text",
}

_STYLE = """
:root { color-scheme: light dark; --paper: #f6f5f2; --card: #fff; --ink: #22242a; --soft: #666b76; --line: #e4e2dc;
  --mat: #eeece7; --edited_captions: #3f6ae0; --edit_direction: #7a4fd0; --pseudo_token: #0f9b8e; --image: #d98a12;
  --objects: #b8479a; --liked: #5a9e2f; --unliked: #c23b3b; --negative: #8a6d5a; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --card: #1f2227; --ink: #e8e8ea; --soft: #9aa0ab;
  --line: #30343b; --mat: #282c32; --edited_captions: #7c9cff; --edit_direction: #b39aff; --pseudo_token: #3ec4b6;
  --image: #f0b04f; --objects: #e07fc4;
  --liked: #93d068; --unliked: #f08080; --negative: #c4a48f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 40px 24px 56px; }
h1, h2, p, dl, dd, ul, ol, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
.query { display: grid; grid-template-columns: minmax(0, 260px) minmax(0, 1fr); gap: 36px; align-items: center; }
.query.alone { grid-template-columns: minmax(0, 1fr); }
.frame { background: var(--mat); border-radius: 14px; overflow: hidden; aspect-ratio: 1; display: grid;
  place-items: center; }
.frame img { width: 100%; height: 100%; object-fit: contain; display: block; }
.frame svg { width: 34%; color: var(--soft); opacity: .6; }
.query figcaption { margin-top: 8px; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.kicker { color: var(--soft); font-size: 13px; letter-spacing: .02em; }
h1 { font-size: clamp(24px, 3.4vw, 38px); line-height: 1.2; font-weight: 620; letter-spacing: -.015em;
  margin: 4px 0 20px; overflow-wrap: anywhere; text-wrap: balance; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 8px 20px; font-size: 14px; }
dt { color: var(--soft); }
dd { overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; }
.legend li, .term { white-space: nowrap; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 7px; }
.number { font-variant-numeric: tabular-nums; }
.warning { margin-top: 20px; padding: 10px 14px; border-radius: 10px; font-size: 14px;
  border: 1px solid var(--line); border-left: 4px solid var(--image); background: var(--card); }
h2 { margin: 44px 0 16px; font-size: 15px; font-weight: 600; color: var(--soft); }
.hits { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 20px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 10px 10px 14px;
  display: flex; flex-direction: column; }
.card .frame { border-radius: 9px; }
.head { display: flex; justify-content: space-between; align-items: baseline; margin: 12px 4px 0; gap: 12px; }
.rank { font-weight: 620; }
.score { color: var(--soft); font-size: 13px; }
.path { margin: 2px 4px 12px; font-size: 12.5px; color: var(--soft); overflow-wrap: anywhere; }
.path b { display: block; color: var(--ink); font-weight: 500; font-size: 14px; }
.bars { margin: auto 4px 0; display: grid; gap: 6px; }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) 52px; gap: 10px; align-items: center; }
.bars .number { font-size: 12px; color: var(--soft); text-align: right; }
.track { position: relative; height: 7px; border-radius: 4px; background: var(--mat); }
.bar { position: absolute; top: 0; bottom: 0; border-radius: 4px; min-width: 2px; }
.empty { color: var(--soft); padding: 36px; text-align: center; border: 1px dashed var(--line); border-radius: 16px; }
footer { margin-top: 36px; color: var(--soft); font-size: 12.5px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 640px) { main { padding: 24px 16px 40px; }
  .query { grid-template-columns: minmax(0, 1fr); gap: 22px; }
  .query .frame { max-width: 260px; } .hits { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin-bottom: 10px; } }
"""

_PLACEHOLDER = (
    '<svg viewBox="0 0 48 48" role="img" aria-label="{label}" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linejoin="round" stroke-linecap="round"><rect x="5" y="9" width="38" height="30" rx="4"/>'
    '<circle cx="16" cy="19" r="3.5"/><path d="M7 36l12-11 7 6 7-8 9 9M6 5l36 38"/></svg>'
)


def to_html(result: SearchResult, reference: Image | None) -> str:
    """The whole document. A hit whose file is gone or cannot be read shows a placeholder."""
    title = result.compiled.query.edit_text or "Similar images"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">",
            f"<title>{_text(title)} · cvsi-db</title>",
            f"<style>{_STYLE}</style></head>",
            f"<body><main>{_query(result, reference)}{_warnings(result.warnings)}{_hits(result)}{_footer(result)}",
            "</main></body>",
            "</html>",
            "",
        ]
    )


def thumbnail(image: Image) -> str:
    """A data URI of the picture, its longest side at most THUMBNAIL pixels."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _query(result: SearchResult, reference: Image | None) -> str:
    query = result.compiled.query
    label = reference_label(query.reference)
    figure = ""
    if label is not None:
        picture = _picture(reference, f"reference image {label}")
        figure = f"<figure>{picture}<figcaption>{_text(Path(label).name)}</figcaption></figure>"
    kicker = "this picture, but …" if label and query.edit_text else "images of" if query.edit_text else "images like"
    heading = _text(query.edit_text or "this picture")
    text = f'<div><p class="kicker">{kicker}</p><h1>{heading}</h1><dl>{_facts(result)}</dl></div>'
    return f'<header class="query{"" if figure else " alone"}">{figure}{text}</header>'


def _facts(result: SearchResult) -> str:
    compiled = result.compiled
    facts: list[tuple[str, str]] = []
    if compiled.captions and compiled.rewrite:
        facts.append(("read as", "<br>".join(_text(caption) for caption in compiled.rewrite.edited_captions)))
        facts.append(("added objects", _text(compiled.rewrite.added_objects) or "none"))
    facts += [(name, _text(" | ".join(labels))) for name, labels in examples(compiled.query).items()]
    if compiled.query.where is not None:
        facts.append(("only where", f"<code>{_text(compiled.query.where)}</code>"))
    ranked = f"preset {compiled.preset.name}" if compiled.query.rank is None else compiled.query.rank
    facts.append(("ranked by", f'<ul class="legend">{_legend(result)}</ul>'))
    facts.append(("as", f"{_text(ranked)} · γ {compiled.preset.gamma:g}, the share of the gallery's captions"))
    return "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)


def _legend(result: SearchResult) -> str:
    return "".join(
        f'<li>{_dot(term.name)}{LABELS[term.name]} <span class="number">× {term.weight:.3g}</span></li>'
        for term in result.compiled.logical.terms
        if term.weight
    )


def _warnings(warnings: Iterable[str]) -> str:
    return "".join(f'<p class="warning" role="note">{_text(warning)}</p>' for warning in warnings)


def _hits(result: SearchResult) -> str:
    if not result:
        return '<p class="empty" style="margin-top:44px">No image in the gallery meets this query.</p>'
    low, high = _range(result)
    cards = "".join(_card(hit, low, high) for hit in result)
    count = "1 hit" if len(result) == 1 else f"{len(result):,} hits"
    return f'<section><h2>{count}, best first</h2><ol class="hits">{cards}</ol></section>'


def _card(hit: Hit, low: float, high: float) -> str:
    path = Path(hit.path)
    captions: Sequence[str] = hit.metadata.get("captions") or ()
    picture = _picture(_read(path), f"{path.name}: {captions[0]}" if captions else path.name)
    shown = [(name, hit.terms[name]) for name in TERM_NAMES if name in hit.terms and hit.terms[name].weight]
    bars = "".join(_bar(name, score, low, high) for name, score in shown)
    return (
        f'<li class="card" title="{_text("; ".join(captions))}">{picture}'
        f'<p class="head"><span class="rank">#{hit.rank}</span>'
        f'<span class="score number">score {hit.score:.4f}</span></p>'
        f'<p class="path"><b>{_text(path.name)}</b>{_text(str(path.parent))}</p><ul class="bars">{bars}</ul></li>'
    )


def _bar(name: TermName, score: TermScore, low: float, high: float) -> str:
    """One term's contribution, drawn from the zero that all bars of the page share."""
    span = high - low
    left, right = min(score.contribution, 0.0), max(score.contribution, 0.0)
    style = f"left:{(left - low) / span:.2%};width:{(right - left) / span:.2%};background:var(--{name})"
    tip = f"{LABELS[name]}: {score.weight:.3g} × {score.similarity:.4f}"
    return (
        f'<li title="{tip}"><span class="hidden">{LABELS[name]}</span>'
        f'<span class="track"><span class="bar" style="{style}"></span></span>'
        f'<span class="number">{f"{score.contribution:+.3f}".replace("-", "−")}</span></li>'
    )


def _range(result: SearchResult) -> tuple[float, float]:
    """The scale of the bars: from the least contribution, or 0, to the greatest; never empty."""
    values = [score.contribution for hit in result for score in hit.terms.values()]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    return low, high if high > low else low + 1.0


def _footer(result: SearchResult) -> str:
    total = result.timings_ms.get("total")
    time = "" if total is None else f" in {total:,.0f} ms"
    return f"<footer>Found by cvsi-db{time}. A bar is a term's part in the score: its weight × its similarity.</footer>"


def _picture(image: Image | None, label: str) -> str:
    if image is None:
        inside = _PLACEHOLDER.replace("{label}", _text(f"{label} (not available)"))
    else:
        inside = f'<img src="{thumbnail(image)}" alt="{_text(label)}" loading="lazy">'
    return f'<div class="frame">{inside}</div>'


def _read(path: Path) -> Image | None:
    from cvsi_db.ingest.decode import read_picture

    try:
        return read_picture(path).image
    except ImageError:
        return None


def _dot(name: TermName) -> str:
    return f'<span class="dot" style="background:var(--{name})"></span>'


def _text(value: str) -> str:
    """Safe between tags and inside double quotes."""
    return escape(value, quote=True)
