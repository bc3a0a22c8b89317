"""The graded real edits as tables: `python -m tests.models.rewriters.table` prints docs/rewriter.md from Figures on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

TABLES = ("real_edits", "fresh_edits", "fresh_edits_2", "fresh_edits_3")
_TITLES = ("First table", "Fresh edits", "Fresh edits, second forty", "Fresh edits, third forty")


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of one table: caption, edit, answer, whether it fell back, and its verdict."""
    rows: list[dict[str, Any]] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return rows


def counts(name: str, key: str = "verdict", source: str = "") -> str:
    """How many answers are right, harmless and wrong."""
    found = Counter(row[key] for row in rows_of(name) if source in row["source"])
    return " | ".join(str(found[verdict]) for verdict in ("right", "harmless", "wrong"))


def document() -> str:
    """The figures and every row."""
    lines = ["## Figures", "", "| edits | rewriter | right | harmless | wrong |", "|---|---|---|---|---|"]
    for name, title in zip(TABLES, _TITLES, strict=True):
        for source, label in (("cirr", "CIRR"), ("fashioniq", "FashionIQ"), ("", "all")):
            lines.append(f"| {title}, {label} | `rules-9` | {counts(name, source=source)} |")
            if name == "real_edits":
                lines.append(f"| {title}, {label} | `rules-4` | {counts(name, 'verdict_of_rules_4', source)} |")
    for name, title in zip(TABLES, _TITLES, strict=True):
        lines += ["", f"## {title}", "", "| caption given | edit text | answer | | verdict |", "|---|---|---|---|---|"]
        for row in rows_of(name):
            flag = "fallback" if row["fallback"] else ""
            lines.append(f"| {row['caption']} | {row['edit']} | {row['answer']} | {flag} | {row['verdict']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
