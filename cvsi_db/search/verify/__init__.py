"""Verify: the best hits of a search are looked at again, beside the reference and the edit text.

Takes results, asks the verifier of each of their first hits, from several threads at once and within its deadline and
budget, and returns the results in the order of its confidences: Pool.order says how. What it says is kept in the
catalog. A hit of which no answer could be had keeps its rank, and a warning says why. `make_verifier` makes a verifier
by its name.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from cvsi_db.errors import CvsiError, ImageError, RewriteError, UsageError, VerifyError
from cvsi_db.records import ComposedQuery, Question, ShownHit
from cvsi_db.search.plan.nodes import Verify
from cvsi_db.search.result import SearchResult

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.models.protocols import Verifier
    from cvsi_db.search import SearchContext
    from cvsi_db.store.catalog import Catalog
    from cvsi_db.store.images import Store

VERIFIERS = ("captions", "openai", "openai-grid", "st:MODEL")
"""The names that make_verifier knows; MODEL is a folder, or OWNER/NAME on the hub."""

SIDE = 512
"""The longest side, in pixels, at which a verifier sees an image."""

LEAST_TRIES = 3
"""A verifier that fails so often, and never answers, is not asked on."""

_Group: TypeAlias = "tuple[Look, tuple[str, ...]]"
_Answer: TypeAlias = "tuple[Look, tuple[str, ...], Sequence[float] | Exception]"


def make_verifier(name: str = "openai") -> Verifier:
    """The verifier called `name`; each is imported when it is asked for, and loads or connects at the first question.

    Raises UsageError for an unknown name.
    """
    if name == "captions":
        from cvsi_db.search.verify.captions import CaptionVerifier

        return CaptionVerifier()
    if name in ("openai", "openai-grid"):
        from cvsi_db.search.verify.openai import OpenAIVerifier

        return OpenAIVerifier(grid=name == "openai-grid")
    if name.startswith("st:") and name != "st:":
        from cvsi_db.search.verify.cross_encoder import CrossEncoderVerifier

        return CrossEncoderVerifier(name.removeprefix("st:"))
    raise UsageError(f"unknown verifier {name!r}: use {', '.join(VERIFIERS)}")


def verify(
    results: Sequence[SearchResult], context: SearchContext, search: Callable[[ComposedQuery], SearchResult]
) -> list[SearchResult]:
    """The results, in order; those whose query says `verify` by what the verifier says of their first hits.

    `search` is asked once more for a query that is refined. Raises VerifyError when the verifier cannot answer at all,
    as without a key.
    """
    started = perf_counter()
    verifier = context.verifier() if context.verifier else make_verifier()
    verifier.check()
    looks = [_look_at(result, verifier) if result.compiled.query.verify else None for result in results]
    asked = [look for look in looks if look]
    if not asked:
        return list(results)
    ask(asked, verifier, context.catalog, context.store)
    milliseconds = (perf_counter() - started) * 1000 / len(asked)
    verified = []
    for result, each in zip(results, looks, strict=True):
        if each is None:
            verified.append(result)
            continue
        seen = _seen(result, each, verifier.name, milliseconds)
        threshold = result.compiled.query.refine
        surest = max(each.confidences.values(), default=None)
        if threshold is not None and surest is not None and surest < threshold:
            seen = _refined(result, seen, each, verifier, context, search)
        verified.append(seen)
    return verified


@dataclass
class Look:
    """Some images while they are verified: the `question`, of each image its `path` and `captions`, the keys of what is
    known of them, and what was said so far. `kept` counts the confidences that were known before."""

    question: Question
    images: Mapping[str, Mapping[str, Any]]
    keys: Mapping[str, str]
    confidences: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    kept: int = 0

    @classmethod
    def of(
        cls, question: Question, reference_id: str | None, images: Mapping[str, Mapping[str, Any]], verifier: Verifier
    ) -> Look:
        """A look at `images`, by image_id; `reference_id` is the image_id of the question's reference."""
        of = [verifier.name, reference_id, question.edit_text]
        keys = {each: hashlib.sha256(json.dumps([*of, each]).encode()).hexdigest() for each in images}
        return cls(question, images, keys)

    def shown(self, image_ids: Sequence[str], store: Store, *, sees: bool) -> list[ShownHit]:
        """The images as a verifier sees them. Raises ImageError for one that cannot be read."""
        return [
            ShownHit(
                image_id,
                _image(self.images[image_id]["path"], image_id, store) if sees else None,
                tuple(self.images[image_id]["captions"] or ()),
            )
            for image_id in image_ids
        ]


def ask(looks: Sequence[Look], verifier: Verifier, catalog: Catalog, store: Store) -> None:
    """Asks of every image of which the catalog knows nothing; the looks then have the confidences, or why there are
    none. The verifier's deadline and budget are for all of them together."""
    if verifier.sees:
        known = catalog.verdicts([key for look in looks for key in look.keys.values()])
        for look in looks:
            look.confidences = {image_id: known[key] for image_id, key in look.keys.items() if key in known}
            look.kept = len(look.confidences)
    for look, image_ids, said in _answers(verifier, looks, store):
        if isinstance(said, Exception):
            look.failures |= dict.fromkeys(image_ids, str(said))
            continue
        found = dict(zip(image_ids, map(float, said), strict=True))
        look.confidences |= found
        if verifier.sees:
            catalog.keep_verdicts(verifier.name, {look.keys[image_id]: found[image_id] for image_id in found})


def _look_at(found: SearchResult, verifier: Verifier) -> Look | None:
    """A look at the first hits that the query names; None when it shows none of them."""
    compiled, pool = found.compiled, found.pool
    query = compiled.query
    assert pool is not None
    assert query.edit_text is not None
    image_ids = pool.ranking.image_ids[: min(query.verify, pool.count(query))]
    if query.offset >= len(image_ids):
        return None
    reference = None
    if compiled.picture is not None and verifier.sees:
        reference = small(compiled.picture().image)
    edited = compiled.rewrite.edited_captions if compiled.rewrite else ()
    edit = " ".join(query.edit_text.split())
    question = Question(edit, reference, edited or (edit,))
    return Look.of(question, compiled.reference_id, dict(zip(image_ids, pool.metadata, strict=False)), verifier)


def _seen(found: SearchResult, look: Look, name: str, milliseconds: float) -> SearchResult:
    """The result by what was said, with a warning for each reason why nothing was said of some hits."""
    query, pool, first = found.compiled.query, found.pool, len(look.keys)
    assert pool is not None
    order = replace(pool, confidences=look.confidences).order(query)
    verified = Verify(
        found.plan,
        first,
        name,
        query.verify_weight,
        asked=first - look.kept,
        kept=look.kept,
        failed=len(look.failures),
        moved=sum(place != at for place, at in enumerate(order)),
        milliseconds=milliseconds,
    )
    warnings = [
        f"{count:,} of the first {first:,} hits could not be verified and keep their rank: {reason}"
        for reason, count in Counter(look.failures.values()).items()
    ]
    return found.with_confidences(look.confidences, verified, warnings, milliseconds)


def _answers(verifier: Verifier, looks: Sequence[Look], store: Store) -> Iterator[_Answer]:
    """What is said of the hits that nothing is known of, in groups as large as the verifier takes, as it comes.

    A group that failed comes with the error, and so does each that was not asked: after the deadline, beyond the
    budget, or where as many as go at once, and LEAST_TRIES, failed before any succeeded.
    """
    groups: list[_Group] = []
    for look in looks:
        unknown = iter([image_id for image_id in look.keys if image_id not in look.confidences])
        while group := tuple(islice(unknown, verifier.at_once)):
            groups.append((look, group))
    at_once = min(max(1, verifier.concurrency), len(groups))
    budget, seconds, before = verifier.budget, verifier.deadline, _tokens(verifier)
    succeeded, failed, reason = False, 0, f"no answer within {seconds:g} s"
    with closing(_arrivals(verifier, groups, at_once, store, monotonic() + seconds)) as arrivals:
        for look, image_ids, said in arrivals:
            groups.remove((look, image_ids))
            yield look, image_ids, said
            succeeded = succeeded or not isinstance(said, Exception)
            failed += isinstance(said, VerifyError)  # an image that cannot be read is not the verifier's failure
            if failed >= max(at_once, LEAST_TRIES) and not succeeded:
                reason = str(said)
                break
            if _tokens(verifier) - before >= budget:
                reason = f"the {budget:,} tokens that a search may cost are spent"
                break
    for look, image_ids in groups:
        yield look, image_ids, VerifyError(reason)


def _tokens(verifier: Verifier) -> int:
    """How many tokens the verifier's answers have cost so far."""
    usage = verifier.usage
    return usage.prompt_tokens + usage.completion_tokens if usage else 0


def _arrivals(
    verifier: Verifier, groups: Sequence[_Group], at_once: int, store: Store, ends: float
) -> Generator[_Answer, None, None]:
    """Each group's answer or error, as they arrive, until all are there or `ends` (by `monotonic`) has come.

    The threads are daemons: none that still waits delays the end of the program.
    """
    waiting: SimpleQueue[_Group] = SimpleQueue()
    arrived: SimpleQueue[_Answer] = SimpleQueue()
    stopped = Event()
    for group in groups:
        waiting.put(group)

    def work() -> None:
        with suppress(Empty):
            while not stopped.is_set():
                look, image_ids = waiting.get_nowait()
                try:
                    arrived.put((look, image_ids, _confidences(verifier, look, image_ids, store)))
                except Exception as error:
                    arrived.put((look, image_ids, error))

    for _ in range(at_once):
        Thread(target=work, name="cvsi-db-verify", daemon=True).start()
    try:
        for _ in range(len(groups)):
            try:
                look, image_ids, said = arrived.get(timeout=max(0.0, ends - monotonic()))
            except Empty:
                return
            if isinstance(said, Exception) and not isinstance(said, CvsiError):
                raise said
            yield look, image_ids, said
    finally:
        stopped.set()


def _confidences(verifier: Verifier, look: Look, image_ids: Sequence[str], store: Store) -> Sequence[float]:
    """The verifier's confidences. Raises VerifyError for an answer that is none."""
    said = verifier.verify(look.question, look.shown(image_ids, store, sees=verifier.sees))
    if len(said) != len(image_ids) or not all(math.isfinite(value) and 0 <= value <= 1 for value in said):
        raise VerifyError(f"the verifier {verifier.name} said {list(said)!r:.80} of {len(image_ids)} hits")
    return said


def _image(path: str, image_id: str, store: Store) -> Image:
    """A hit's image, no larger than SIDE: out of its file, or the gallery's thumbnail. Raises ImageError."""
    from cvsi_db.ingest.decode import decode_bytes
    from cvsi_db.ingest.read_bytes import read_image

    try:
        return small(decode_bytes(read_image(path, image_id).data, image_id, path, side=SIDE // 2).image)
    except ImageError:
        kept = store.thumbnails([image_id]).get(image_id)
        if kept is None:
            raise
        from PIL import Image

        with Image.open(BytesIO(kept), formats=["JPEG"]) as thumbnail:
            return thumbnail.convert("RGB")


def small(image: Image) -> Image:
    """A copy that is no larger than SIDE, as a verifier sees a reference."""
    copy = image.copy()
    copy.thumbnail((SIDE, SIDE))
    return copy


def _refined(
    found: SearchResult,
    first: SearchResult,
    look: Look,
    verifier: Verifier,
    context: SearchContext,
    search: Callable[[ComposedQuery], SearchResult],
) -> SearchResult:
    """The result of one more search with what the surest hit lacks, where a hit of it is surer; else the first.

    A warning says which. The edit text stays, so that the verifier is asked the same.
    """
    query, compiled = found.compiled.query, found.compiled
    surest = max(look.confidences, key=lambda image_id: look.confidences[image_id])
    before = look.confidences[surest]
    told = f"no hit is surely right (the surest {before:.2f}, below {query.refine:g})"
    try:
        (hit,) = look.shown([surest], context.store, sees=verifier.sees)
        lacks = " ".join(verifier.what_lacks(look.question, hit).split())
        rewrite = context.rewriter.rewrite(compiled.captions, f"{look.question.edit_text}, {lacks}")
    except (VerifyError, RewriteError, ImageError) as error:
        first.warnings = (*first.warnings, f"{told}, and it could not be refined: {error}")
        return first
    again = search(
        replace(
            query,
            edited_captions=rewrite.edited_captions,
            added_objects=rewrite.added_objects or None,
            refine=None,
        )
    )
    assert again.pool is not None
    after = max(again.pool.confidences.values(), default=0.0)
    better = again if after > before else first
    outcome = f"the surest is now {after:.2f}" if after > before else f"none was surer ({after:.2f})"
    better.warnings = (*better.warnings, f"{told}: it lacks {lacks!r}; searched once more, and {outcome}")
    return better
