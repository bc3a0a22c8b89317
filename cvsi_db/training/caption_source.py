"""Where the captions come from that phi learns from: a file, a stream, or random scenes, which are not drawn.

Returns plain captions, one line each, without empty ones.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cvsi_db.errors import UsageError

SCENE_CAPTIONS = 40_000
"""How many captions of scenes the starter's phi learnt from."""


def read_captions(path: Path) -> list[str]:
    """The captions of a file. Raises UsageError when it cannot be read or holds none; see `parse_captions`."""
    try:
        with path.open(encoding="utf-8") as lines:
            return parse_captions(lines, str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"cannot read captions from {str(path)!r}: {reason}") from error


def parse_captions(lines: Iterable[str], name: str) -> list[str]:
    """One caption a line; or, where the first line is a JSON object, those under `captions` or `caption` in each.

    `name` is what messages call the lines. Raises UsageError for a line of JSON without captions, and when there are
    no captions at all.
    """
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    if numbered and numbered[0][1].startswith("{"):
        found = [text for number, line in numbered for text in _captions_of(line, f"line {number} of {name}")]
    else:
        found = [line for _, line in numbered]
    return one_line_captions(found, name)


def one_line_captions(captions: Iterable[str], name: str) -> list[str]:
    """Every caption on one line, without empty ones. Raises UsageError when none is left."""
    kept = [line for caption in captions if (line := " ".join(caption.split()))]
    if not kept:
        raise UsageError(f"{name} holds no captions: give one a line, or JSON lines with `caption` or `captions`")
    return kept


def scene_captions(n: int, seed: int) -> list[str]:
    """`n` captions of random scenes."""
    from cvsi_db.scenes.captions import caption
    from cvsi_db.scenes.grammar import sample_scene

    rng = random.Random(f"phi/{seed}")
    return [caption(sample_scene(rng), rng).text for _ in range(n)]


def draw_captions(captions: Sequence[str], most: int, seed: int) -> list[str]:
    """All captions, or `most` of them drawn by the seed, in their order.

    A run that has fewer places than there are captions need not embed those it would not see.
    """
    if len(captions) <= most:
        return list(captions)
    rows = sorted(random.Random(f"captions/{seed}").sample(range(len(captions)), most))
    return [captions[row] for row in rows]


def _captions_of(line: str, where: str) -> Iterator[str]:
    try:
        entry: Any = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where} is not a JSON object: {error}") from error
    found = entry.get("captions", entry.get("caption")) if isinstance(entry, dict) else None
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where} has neither a text `caption` nor a list of texts `captions`")
    yield from texts
