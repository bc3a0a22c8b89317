"""Rewriters by name, several asked in turn, and many requests put to one.

`make_rewriter("rules" | "openai" | "local:MODEL" | "openai,rules")` gives a Rewriter, `rewrite_many` puts many requests
to it, and `concurrency_of`, `usage_of`, `cache_name` and `check_rewriter` read what a rewriter need not have.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Event, Thread
from typing import TypeAlias

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.protocols import Rewriter
from cvsi_db.records import Rewrite, Usage

REWRITERS = ("rules", "openai")
"""The names that make_rewriter knows."""

LOCAL = "local:"
"""Before a folder or OWNER/NAME: the rewriter that is this language model."""

Request: TypeAlias = tuple[Sequence[str], str]
"""Captions and the edit text to apply to them."""


def make_rewriter(name: str, device: str = "auto") -> Rewriter:
    """The rewriter called `name`; names joined by commas are asked in turn until one answers.

    One that is a model here runs on `device`. Raises UsageError for an unknown name. Needs no key, no network and no
    weights: see `check_rewriter`.
    """
    rewriters = [_make(part, device) for part in dict.fromkeys(part.strip() for part in name.split(","))]
    return rewriters[0] if len(rewriters) == 1 else FirstAnswer(rewriters)


def _make(name: str, device: str) -> Rewriter:
    """A single rewriter; each is imported when it is asked for."""
    if name == "rules":
        from cvsi_db.models.rewriters.offline import OfflineRewriter

        return OfflineRewriter()
    if name == "openai":
        from cvsi_db.models.rewriters.openai import OpenAIRewriter

        return OpenAIRewriter()
    if model := name.removeprefix(LOCAL) if name.startswith(LOCAL) else "":
        from cvsi_db.models.rewriters.local import LocalRewriter

        return LocalRewriter(model, device)
    known = f"{', '.join(REWRITERS)}, local:FOLDER or local:OWNER/NAME"
    raise UsageError(f"unknown rewriter {name!r}: use {known}, or several joined by commas")


def concurrency_of(rewriter: Rewriter) -> int:
    """How many rewrites it may have under way at once; 1 when it does not say."""
    return max(1, int(getattr(rewriter, "concurrency", 1)))


def usage_of(rewriter: Rewriter) -> Usage | None:
    """What it has cost so far, or None when it costs nothing."""
    usage = getattr(rewriter, "usage", None)
    return usage if isinstance(usage, Usage) else None


def check_rewriter(rewriter: Rewriter) -> None:
    """Raises RewriteError when it cannot answer at all, as without an API key; asks no endpoint, loads no model."""
    check = getattr(rewriter, "check", None)
    if check is not None:
        check()


def cache_name(rewriter: Rewriter) -> str:
    """The name under which its answers are kept and looked up: of several, the first one's.

    Only an answer whose `Rewrite.rewriter` is this name may be kept. So what a second rewriter said while the first
    could not be reached is not remembered, and `openai` and `openai,rules` share what the model said.
    """
    return str(getattr(rewriter, "cache_name", rewriter.name))


def rewrite_many(
    rewriter: Rewriter,
    requests: Sequence[Request],
    on_progress: Callable[[int, int], None] | None = None,
    on_answer: Callable[[int, Rewrite], None] | None = None,
) -> list[Rewrite]:
    """The rewrite of every request, in their order; as many are under way at once as the rewriter allows.

    `on_answer(index, rewrite)` is called with each answer as it arrives, in any order, so that a caller who keeps them
    there loses at most what was under way; then `on_progress(done, total)`. Both run in the caller's thread.
    Raises RewriteError that names the first request to fail (its `position` is the request's index), after the answers
    that had arrived were handed on. Then, or after an interrupt, no further request starts and none is waited for.
    """
    answers: dict[int, Rewrite] = {}
    failed: tuple[int, Exception] | None = None
    with closing(_outcomes(rewriter, requests)) as outcomes:
        for index, outcome in outcomes:
            if isinstance(outcome, Exception):
                failed = failed or (index, outcome)
                continue
            answers[index] = outcome
            if on_answer:
                on_answer(index, outcome)
            if on_progress:
                on_progress(len(answers), len(requests))
    if failed is None:
        return [answers[index] for index in range(len(requests))]
    index, error = failed
    if not isinstance(error, RewriteError):
        raise error
    where = f"request {index + 1} of {len(requests)} ({requests[index][1]!r}): " if len(requests) > 1 else ""
    named = RewriteError(f"{where}{error}")
    named.position = index
    raise named from error


def _answer(rewriter: Rewriter, captions: Sequence[str], edit_text: str) -> Rewrite:
    answer = rewriter.rewrite(captions, edit_text)
    if not answer.edited_captions:
        problem = f"the rewriter {rewriter.name} gave no edited caption for {edit_text!r}"
        raise RewriteError(f"{problem}: try again or use another one")
    return answer


def _outcomes(
    rewriter: Rewriter, requests: Sequence[Request]
) -> Generator[tuple[int, Rewrite | Exception], None, None]:
    """Each request's index with its answer or error, as they arrive, up to the first error and what arrived by then.

    A rewriter that allows one request at a time is asked in the caller's thread, any other in daemon threads: those of
    a pool would delay the end of the program until the last answer is in.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    arrived: SimpleQueue[tuple[int, Rewrite | Exception]] = SimpleQueue()
    stopped = Event()

    def step() -> None:
        index = waiting.get_nowait()
        try:
            arrived.put((index, _answer(rewriter, *requests[index])))
        except Exception as error:
            stopped.set()
            arrived.put((index, error))

    def work() -> None:
        with suppress(Empty):
            while not stopped.is_set():
                step()

    for index in range(len(requests)):
        waiting.put(index)
    threads = min(concurrency_of(rewriter), len(requests))
    for _ in range(threads if threads > 1 else 0):
        Thread(target=work, name="cvsi-db-rewrite", daemon=True).start()
    try:
        for _ in requests:
            if threads == 1:
                step()
            index, outcome = arrived.get()
            yield index, outcome
            if isinstance(outcome, Exception):
                break
        while not arrived.empty():
            yield arrived.get()
    finally:
        stopped.set()


class FirstAnswer:
    """Asks its rewriters in turn and returns the first answer.

    `Rewrite.rewriter` is the name of the one that answered, `Rewrite.note` says why none before it did.
    """

    def __init__(self, rewriters: Sequence[Rewriter]) -> None:
        self._rewriters = tuple(rewriters)
        self._turns = [BoundedSemaphore(concurrency_of(rewriter)) for rewriter in self._rewriters]

    @property
    def name(self) -> str:
        """The names of all, in order."""
        return ",".join(rewriter.name for rewriter in self._rewriters)

    @property
    def cache_name(self) -> str:
        """The first one's: the others only stand in for it."""
        return cache_name(self._rewriters[0])

    @property
    def concurrency(self) -> int:
        """The largest of theirs; even so, none is asked by more threads at once than it allows."""
        return max(map(concurrency_of, self._rewriters))

    @property
    def usage(self) -> Usage | None:
        """The sum of what its rewriters have cost so far, as of now; None when none of them costs anything."""
        parts = [usage for usage in map(usage_of, self._rewriters) if usage]
        if not parts:
            return None
        return Usage(
            requests=sum(part.requests for part in parts),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            completion_tokens=sum(part.completion_tokens for part in parts),
        )

    def check(self) -> None:
        """Raises RewriteError with every reason when none of them can answer."""
        reasons: list[str] = []
        for rewriter in self._rewriters:
            try:
                return check_rewriter(rewriter)
            except RewriteError as error:
                reasons.append(f"{rewriter.name}: {error}")
        raise RewriteError("no rewriter can answer: " + "; ".join(reasons))

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """The first answer. Raises RewriteError with every reason when none answers."""
        reasons: list[str] = []
        for rewriter, turn in zip(self._rewriters, self._turns, strict=True):
            try:
                with turn:
                    answer = rewriter.rewrite(captions, edit_text)
            except RewriteError as error:
                reasons.append(f"{rewriter.name}: {error}")
            else:
                return replace(answer, note="; ".join(reasons)) if reasons else answer
        raise RewriteError("no rewriter gave an answer: " + "; ".join(reasons))
