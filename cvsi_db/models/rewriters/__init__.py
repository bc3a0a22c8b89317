"""Which rewriter a name means, the one that asks a second when the first gives no answer, and what holds for any.

`make_rewriter("rules" | "openai" | "openai,rules")` gives one, `rewrite_many` puts many requests to it. Knows nothing
about how any of them rewrites.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Event, Thread
from typing import TypeAlias

from cvsi_db.errors import RewriteError, UsageError
from cvsi_db.models.protocols import Rewriter
from cvsi_db.records import Rewrite, Usage

Request: TypeAlias = tuple[Sequence[str], str]
"""Captions and the edit text to apply to them."""


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


def concurrency_of(rewriter: Rewriter) -> int:
    """How many rewrites it may have under way at once; 1 when it does not say."""
    return max(1, int(getattr(rewriter, "concurrency", 1)))


def check_rewriter(rewriter: Rewriter) -> None:
    """Raises RewriteError when it cannot answer at all, as without an API key; asks nobody and loads nothing large."""
    check = getattr(rewriter, "check", None)
    if check is not None:
        check()


def usage_of(rewriter: Rewriter) -> Usage | None:
    """What it has cost so far, or None when it costs nothing."""
    usage = getattr(rewriter, "usage", None)
    return usage if isinstance(usage, Usage) else None


def cache_name(rewriter: Rewriter) -> str:
    """The name under which its answers are kept and looked up: of several, the first one's.

    Only an answer whose `Rewrite.rewriter` is this name may be kept. So what a second rewriter said while the first was
    out of reach is not remembered, and `openai` and `openai,rules` share what the model said.
    """
    return str(getattr(rewriter, "cache_name", rewriter.name))


def rewrite_many(
    rewriter: Rewriter,
    requests: Sequence[Request],
    on_progress: Callable[[int, int], None] | None = None,
    on_answer: Callable[[int, Rewrite], None] | None = None,
) -> list[Rewrite]:
    """The rewrite of every request, in their order; as many are under way at once as the rewriter allows.

    `on_answer(index, rewrite)` hears each answer as it arrives, in any order: who keeps them there loses at most what
    was under way. Then `on_progress(done, total)`. Both are called in the caller's thread.
    Raises RewriteError that names the first request to fail (its `position` is the request's index), once the answers
    there already were handed on. Then, or after an interrupt, no further request starts and none is waited for.
    """
    answers: dict[int, Rewrite] = {}
    with closing(_answers(rewriter, requests)) as arriving:
        for index, answer in arriving:
            answers[index] = answer
            if on_answer:
                on_answer(index, answer)
            if on_progress:
                on_progress(len(answers), len(requests))
    return [answers[index] for index in range(len(requests))]


def _answers(rewriter: Rewriter, requests: Sequence[Request]) -> Generator[tuple[int, Rewrite], None, None]:
    """Each request's number and answer, as they arrive; raises for the first that fails."""
    threads = min(concurrency_of(rewriter), len(requests))
    outcomes = _outcomes_in_threads(rewriter, requests, threads) if threads > 1 else _outcomes(rewriter, requests)
    failed: tuple[int, Exception] | None = None
    for index, outcome in outcomes:
        if isinstance(outcome, Rewrite):
            yield index, outcome
        else:
            failed = failed or (index, outcome)
    if failed:
        index, error = failed
        if not isinstance(error, RewriteError):
            raise error
        where = f"request {index + 1} of {len(requests)} ({requests[index][1]!r}): " if len(requests) > 1 else ""
        raised = RewriteError(f"{where}{error}")
        raised.position = index
        raise raised from error


_Outcome: TypeAlias = tuple[int, "Rewrite | Exception"]


def _outcomes(rewriter: Rewriter, requests: Sequence[Request]) -> Iterator[_Outcome]:
    """One after the other, up to the first failure."""
    for index in range(len(requests)):
        outcome = _outcome(rewriter, requests[index])
        yield index, outcome
        if not isinstance(outcome, Rewrite):
            return


def _outcome(rewriter: Rewriter, request: Request) -> Rewrite | Exception:
    try:
        return rewriter.rewrite(*request)
    except Exception as error:
        return error


def _outcomes_in_threads(rewriter: Rewriter, requests: Sequence[Request], threads: int) -> Iterator[_Outcome]:
    """As they arrive, up to the first failure and what else is there by then.

    The threads are daemons of our own: a pool's would hold up the end of the program until the last answer is in.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    arrived: SimpleQueue[_Outcome] = SimpleQueue()
    stopped = Event()

    def work() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            outcome = _outcome(rewriter, requests[index])
            if not isinstance(outcome, Rewrite):
                stopped.set()
            arrived.put((index, outcome))

    for index in range(len(requests)):
        waiting.put(index)
    for _ in range(threads):
        Thread(target=work, name="cvsi-db-rewrite", daemon=True).start()
    try:
        for _ in requests:
            index, outcome = arrived.get()
            yield index, outcome
            if not isinstance(outcome, Rewrite):
                break
        while not arrived.empty():
            yield arrived.get()
    finally:
        stopped.set()


class FirstAnswer:
    """Asks its rewriters in turn; the first answer stands. `Rewrite.rewriter` says whose it is, `Rewrite.note` why none
    before it answered."""

    def __init__(self, rewriters: Sequence[Rewriter]) -> None:
        self._rewriters = tuple(rewriters)
        self._turns = [BoundedSemaphore(concurrency_of(rewriter)) for rewriter in self._rewriters]

    @property
    def name(self) -> str:
        """The names of all, in order."""
        return ",".join(rewriter.name for rewriter in self._rewriters)

    @property
    def cache_name(self) -> str:
        """The first one's: the others speak only in its stead."""
        return cache_name(self._rewriters[0])

    @property
    def concurrency(self) -> int:
        """That of the most patient one; no other is asked by more threads at once than it allows."""
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


def _rules() -> Rewriter:
    from cvsi_db.models.rules import RulesRewriter

    return RulesRewriter()


def _openai() -> Rewriter:
    from cvsi_db.models.rewriters.openai import OpenAIRewriter

    return OpenAIRewriter()


REWRITERS: dict[str, Callable[[], Rewriter]] = {"rules": _rules, "openai": _openai}
"""The known rewriters by name; each is imported when it is asked for."""
