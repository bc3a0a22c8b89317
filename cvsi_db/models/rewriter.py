"""Which rewriter a name means, and the one that asks a second when the first gives no answer.

`make_rewriter("rules" | "openai" | "openai,rules")`; knows nothing about how any of them rewrites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.protocols import Rewriter
from cvsi_db.records import Rewrite


def make_rewriter(name: str) -> Rewriter:
    """The rewriter called `name`; names joined by commas are asked in turn until one answers.

    Raises UsageError for an unknown name. Needs no key and no network: what is missing shows at the first rewrite.
    """
    parts = [part.strip() for part in name.split(",")]
    for part in parts:
        if part not in REWRITERS:
            raise UsageError(f"unknown rewriter {part!r}: use {', '.join(REWRITERS)}, or several joined by commas")
    rewriters = [REWRITERS[part]() for part in dict.fromkeys(parts)]
    return rewriters[0] if len(rewriters) == 1 else FirstAnswer(rewriters)


class FirstAnswer:
    """Asks its rewriters in turn; the first answer stands, and `Rewrite.rewriter` says whose it is."""

    def __init__(self, rewriters: Sequence[Rewriter]) -> None:
        self._rewriters = tuple(rewriters)

    @property
    def name(self) -> str:
        """The names of all, in order."""
        return ",".join(rewriter.name for rewriter in self._rewriters)

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The first answer. Raises RewriteError with every reason when none answers."""
        reasons: list[str] = []
        for rewriter in self._rewriters:
            try:
                return rewriter.rewrite(captions, edit_text)
            except RewriteError as error:
                reasons.append(f"{rewriter.name}: {error}")
        raise RewriteError("no rewriter gave an answer: " + "; ".join(reasons))


def _rules() -> Rewriter:
    from cvsi_db.models.rules import RulesRewriter

    return RulesRewriter()


def _openai() -> Rewriter:
    from cvsi_db.models.openai import OpenAIRewriter

    return OpenAIRewriter()


REWRITERS: dict[str, Callable[[], Rewriter]] = {"rules": _rules, "openai": _openai}
"""The known rewriters by name; each is imported when it is asked for."""
