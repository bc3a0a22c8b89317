"""Ray engine: files are read and models run in workers, on this machine or on a cluster; this process alone writes.

Takes a RayEngine, which says where; `Workers` starts the workers and gives, in order, what they make of each batch. A
batch is cut and encoded as by a local run, so the gallery is the same, to the bit where the workers' processors are
those of this machine.

Plain actors, not Ray Data: the order and the batches must be those of a local run, and a batch that kills every worker
must be told from those that were in the same worker by chance and must not end the run. Ray Data cuts blocks, orders
and retries as it sees fit, ends with a block that cannot be computed, and brings pandas.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from cvsi_db.errors import BundleError, EngineError, UsageError
from cvsi_db.ingest.commit_thread import EmbeddedBatch, without_pixels
from cvsi_db.ingest.embed import embed_images
from cvsi_db.ingest.load import Loader
from cvsi_db.ingest.pillow_guard import MAX_PIXELS, allow_pixels, allowed_pixels
from cvsi_db.ingest.pipeline import READERS, Batches, StageTimes
from cvsi_db.ingest.prefetch import Prefetch
from cvsi_db.ingest.read_bytes import NO_SUCH_FILE, DecodedBatch, FailedFile, printable
from cvsi_db.models.bundle import Bundle
from cvsi_db.models.protocols import Models
from cvsi_db.records import FloatArray, FoundFile, IngestFailure, PseudoText

if TYPE_CHECKING:
    from PIL.Image import Image

    from cvsi_db.models.spec import BundleSpec

DEATHS = 3
"""A batch whose worker died so often is given up."""
PATIENCE_S = 300.0
"""How long to wait while not a single worker could be started."""

_MOST_CALLS = 16
"""Calls that a worker runs at once, at most."""

T = TypeVar("T")
L = TypeVar("L")
R = TypeVar("R")


@dataclass(frozen=True)
class RayEngine:
    """Runs the models in processes that Ray starts: `Gallery.ingest(…, engine=RayEngine(workers=4))`.

    `address` is a cluster's, as `ray start` tells it, or "auto" for the one that this machine belongs to; without it,
    and without RAY_ADDRESS in the environment, Ray runs on this machine for as long as the call. There are `workers`
    processes, each with `gpus_per_worker` GPUs (a part of one, such as 0.5, too; 0 is the CPU), and the cores are
    shared out among them. By default a worker takes a GPU if there are any, and there are as many as there are GPUs,
    else one for each machine. With `verbose` what Ray and the workers log goes to stderr. It needs the extra `ray`.

    Raises UsageError for values that make no sense, and without the extra.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_worker: float | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"cannot run {self.workers!r} workers: ask for 1 or more")
        gpus = self.gpus_per_worker or 0
        if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
            raise UsageError(f"a worker cannot have {gpus!r} GPUs: give 0, a part of 1, or a whole number")
        if find_spec("ray") is None:
            raise UsageError("the engine ray needs the package ray: pip install 'cvsi-db[ray]'")

    def start(self, bundle: Bundle) -> Workers:
        """Workers with the models of a bundle."""
        return Workers(self, partial(_load_models, bundle.spec, bundle.source, bundle.clip_digest))


class Facts(NamedTuple):
    """What a worker tells of its encoder, and where it is."""

    dim: int
    side: int
    batch_size: int
    lanes: int
    host: str


class WorkerDiedError(Exception):
    """The worker of one call died, each time that it was tried."""


# --- in the worker ----------------------------------------------------------------------------------------------


class Worker:
    """The process that has the models. `run` calls a function that it is sent, from several threads at once."""

    def __init__(self, make_models: Callable[[str], Models], device: str, cores: int, pixels: int) -> None:
        sys.stdout = sys.stderr  # what a library prints is no result
        if pixels != MAX_PIXELS:
            allow_pixels(pixels)
        self._make, self._device, self.cores = make_models, device, cores
        self._threads = ThreadPoolExecutor(cores + READERS)

    def load_models(self) -> Facts:
        """Load the encoder. Raises ModelError and BundleError."""
        self.models = self._make(self._device)
        encoder = self.models.encoder
        self._lanes, self._torch_threads = threading.Semaphore(encoder.lanes), 0
        if encoder.lanes > 1:
            import torch

            self._torch_threads = max(1, torch.get_num_threads() // encoder.lanes)
        return Facts(encoder.dim, encoder.side, encoder.batch_size, encoder.lanes, socket.gethostname())

    def run(self, function: Callable[..., R], *args: Any) -> R:
        """What the function returns for this worker and the arguments."""
        return function(self, *args)

    def load(self, load: Callable[[T], L], items: Iterable[T]) -> list[L]:
        """`load` of each item, in order, in threads that all calls share."""
        return list(self._threads.map(load, items))

    @contextmanager
    def lane(self) -> Iterator[Models]:
        """The models, for as many threads at once as its encoder has lanes, each with its share of the cores."""
        with self._lanes:
            if self._torch_threads:
                import torch

                torch.set_num_threads(self._torch_threads)
            yield self.models


def _load_models(spec: BundleSpec, source: str, digest: str, device: str) -> Models:
    """The bundle, in a worker, whose files may not be those of the process that sent it."""
    bundle = Bundle(spec, device, source)
    if bundle.clip_digest != digest:
        raise BundleError(
            f"the weights of {source} on {socket.gethostname()} are not those of this machine: give both the same files"
        )
    return bundle


def embed_files(
    worker: Worker,
    files: Sequence[FoundFile],
    known: Container[str],
    given: Mapping[str, Mapping[str, Any]],
    thumbnails: bool,
    skip: Collection[str] = (),
) -> EmbeddedBatch:
    """The files, read, and the embeddings of those contents that are neither in `known` nor in `skip`."""
    loader = Loader(_Also(known, skip), worker.models.encoder, cores=worker.cores, thumbnails=thumbnails, given=given)
    batch = loader.gather(worker.load(loader.load, files))
    with worker.lane() as models:
        vectors = embed_images(batch.views, models.encoder)
    return EmbeddedBatch(without_pixels(batch), vectors)


def encode_texts(worker: Worker, texts: Sequence[str | PseudoText]) -> FloatArray:
    """What its encoder gives for the texts."""
    with worker.lane() as models:
        return models.encoder.encode_texts(texts)


def encode_images(worker: Worker, pictures: Sequence[Image]) -> FloatArray:
    """What its encoder gives for the pictures."""
    with worker.lane() as models:
        return models.encoder.encode_images(pictures)


class _Also(Container[str]):
    """The image_ids in `known`, and `more`."""

    def __init__(self, known: Container[str], more: Collection[str]) -> None:
        self._known, self._more = known, frozenset(more)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._more or image_id in self._known


# --- in the process that writes ---------------------------------------------------------------------------------


class RemotePipeline(Batches[R], Generic[T, R]):
    """A Pipeline whose batches are worked on elsewhere: `work` of each batch of the items, in order.

    `work` is called from `threads` threads, and so is `finish`, which its results go through after `gather`, called in
    their order by one at a time. Begun and not consumed yet are three times as many batches at most.
    """

    def __init__(
        self,
        items: Iterable[T],
        work: Callable[[list[T]], R],
        *,
        gather: Callable[[R], R] | None = None,
        finish: Callable[[R], R] | None = None,
        batch_size: int,
        threads: int,
        times: StageTimes,
    ) -> None:
        self._stopped = threading.Event()

        def timed(batch: list[T]) -> R:
            with times.during("model", threads):
                return work(batch)

        batches = self._batches(iter(items), batch_size)
        worked = Prefetch(timed, batches, threads=threads, room=2 * threads)
        self._stages: list[Prefetch[Any, R]] = [worked]
        if gather and finish:
            self._stages.append(Prefetch(finish, map(gather, worked), threads=threads, room=threads))

    def __next__(self) -> R:
        return next(self._stages[-1])

    def stop(self, *, at_once: bool = False) -> None:
        """See Batches."""
        self._stopped.set()
        for stage in self._stages if at_once else ():
            stage.stop()

    def _batches(self, items: Iterator[T], size: int) -> Iterator[list[T]]:
        while not self._stopped.is_set() and (batch := list(islice(items, size))):
            yield batch


class RemoteEncoder:
    """The encoder of the workers, as an Encoder: facts of the first one that is ready, and calls of any."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    @property
    def dim(self) -> int:
        """Width of the joint embedding space."""
        return self._workers.facts.dim

    @property
    def side(self) -> int:
        """Side of what the image tower sees."""
        return self._workers.facts.side

    @property
    def batch_size(self) -> int:
        """How many images a worker encodes best at once."""
        return self._workers.facts.batch_size

    @property
    def lanes(self) -> int:
        """How many batches a worker encodes side by side."""
        return self._workers.facts.lanes

    def prepare(self, picture: Image) -> Image:
        """The same picture: a worker prepares it."""
        return picture

    def encode_images(self, pictures: Sequence[Image]) -> FloatArray:
        """(n, dim) embeddings, from one of the workers."""
        return self._workers.call(encode_images, pictures)

    def encode_texts(self, texts: Sequence[str | PseudoText]) -> FloatArray:
        """(n, dim) embeddings, from one of the workers."""
        return self._workers.call(encode_texts, texts)


class _Hired:
    """A worker seen from here: `busy` calls are with it; while it is `alone` with one it gets no others."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.busy, self.alone = actor, 0, False
        self.facts: Facts | None = None  # once it is ready


class Workers:
    """The workers of one run. They start when they are first needed, and end with the block.

    A call whose worker dies is made again: what killed it may have been another call beside it, so from then on it has
    a worker to itself. In place of a dead worker another one starts, where there is room for it.
    """

    def __init__(self, engine: RayEngine, make_models: Callable[[str], Models]) -> None:
        import ray

        self._ray: Any = ray
        self._engine, self._make = engine, make_models
        self._changed = threading.Condition()
        self._hired: list[_Hired] = []  # not known to be dead
        self._starting = 0  # of them have a process, and load their models
        self._stillborn = 0  # died while they loaded, since the last one was ready
        self._failure: BaseException | None = None
        self._owns_ray = False
        self.encoder = RemoteEncoder(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._fail(EngineError("the workers have been stopped"))
        for worker in self._hired:
            self._ray.kill(worker.actor)
        if self._owns_ray:
            with self._changed:  # calls must return before what carries them is taken down
                self._changed.wait_for(lambda: not any(worker.busy for worker in self._hired), 5)
            self._ray.shutdown()

    @property
    def facts(self) -> Facts:
        """What the first worker that is ready tells. Raises what `call` raises."""
        with self._taken(alone=False) as worker:
            assert worker.facts is not None
            return worker.facts

    @property
    def threads(self) -> int:
        """How many calls to make at once: every lane of every worker is busy while the next batches are loaded."""
        return self._count * (self.facts.lanes + 2)

    def call(self, function: Callable[..., R], *args: Any) -> R:
        """What `function` returns in a worker for that Worker and `args`. To be called from any thread.

        Raises what it raises, WorkerDiedError when its worker died DEATHS times, EngineError when there is no worker.
        """
        for death in range(DEATHS):
            with self._taken(alone=death > 0) as worker:
                try:
                    answer: R = self._ray.get(worker.actor.run.remote(function, *args))
                    return answer
                except self._ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except self._ray.exceptions.RayError:
                    self._replace(worker)
        raise WorkerDiedError(
            f"the worker that had its batch died {DEATHS} times: run this again with --batch-size 1, which spares the "
            "other images of the batch"
        )

    def embed(
        self,
        files: Sequence[FoundFile],
        *,
        known: Container[str],
        thumbnails: bool,
        given: Mapping[str, Mapping[str, Any]],
        batch_size: int | None,
        times: StageTimes,
    ) -> RemotePipeline[FoundFile, EmbeddedBatch]:
        """The files in batches, read, with the embeddings of the contents that are not in `known`; see Loader."""
        loader = Loader(known, self.encoder, cores=1)
        shared = self._ray.put(known) if files and self._count else None  # of arrays in it a machine has one copy

        def work(batch: list[FoundFile]) -> EmbeddedBatch:
            said = {path: given[path] for path in (str(file.path) for file in batch) if path in given}
            try:
                done = self.call(embed_files, batch, shared, said, thumbnails)
            except WorkerDiedError as error:
                return EmbeddedBatch(DecodedBatch((), tuple(FailedFile(file, str(error)) for file in batch)), {})
            self.check_seen(IngestFailure(printable(failed.file.path), failed.reason) for failed in done.batch.failures)
            return done

        def gather(done: EmbeddedBatch) -> EmbeddedBatch:
            return done._replace(batch=loader.gather([*done.batch.files, *done.batch.failures]))

        def finish(done: EmbeddedBatch) -> EmbeddedBatch:
            copies = done.vectors.keys() - done.batch.views.keys()
            if not copies or not done.batch.pictures:
                return done
            # Other batches have some of its contents: it is embedded again without them, as a local run has it.
            batch = [read.file for read in done.batch.files]
            with suppress(WorkerDiedError):
                again = self.call(embed_files, batch, shared, {}, False, copies)
                return done._replace(vectors={**done.vectors, **again.vectors})
            return done

        return RemotePipeline(
            files,
            work,
            gather=gather,
            finish=finish,
            batch_size=(batch_size or self.encoder.batch_size) if files else 1,
            threads=self.threads if files else 1,
            times=times,
        )

    def map(
        self,
        function: Callable[[Worker, list[T]], R],
        items: Iterable[T],
        fail: Callable[[list[T], str], R],
        *,
        batch_size: int,
        times: StageTimes,
    ) -> RemotePipeline[T, R]:
        """What `function` returns in workers for batches of the items, or `fail` for a batch given up and why."""

        def work(batch: list[T]) -> R:
            try:
                return self.call(function, batch)
            except WorkerDiedError as error:
                return fail(batch, str(error))

        return RemotePipeline(items, work, batch_size=batch_size, threads=self.threads, times=times)

    def check_seen(self, failures: Iterable[IngestFailure]) -> None:
        """Raise EngineError for a file that a worker did not find although it is here."""
        for path, reason in ((each.path, each.reason) for each in failures):
            if reason == NO_SUCH_FILE and os.path.exists(path):
                raise EngineError(
                    f"a worker finds no file {path!r}, which is here: all machines need the same paths, or images on "
                    "object storage"
                )

    @cached_property
    def _count(self) -> int:
        """How many workers there are to be; starts Ray and them."""
        ray, engine = self._ray, self._engine
        if not ray.is_initialized():
            _start_ray(ray, engine)
            self._owns_ray = True
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = engine.gpus_per_worker
        if gpus is None:
            gpus = 1 if any(node.get("GPU") for node in nodes) else 0
        count, cores = share_out(nodes, engine.workers, gpus)
        actor = ray.remote(num_cpus=cores, num_gpus=gpus, max_concurrency=_MOST_CALLS)(Worker)
        self._hire = partial(actor.remote, self._make, "cuda" if gpus else "cpu", cores, allowed_pixels())
        for _ in range(count):
            self._add_worker()
        return count

    @contextmanager
    def _taken(self, *, alone: bool) -> Iterator[_Hired]:
        """The least busy worker; `alone` the one call that it has meanwhile."""
        assert self._count
        with self._changed:
            worker = self._take(alone)
        try:
            yield worker
        finally:
            with self._changed:
                worker.busy -= 1
                worker.alone &= not alone
                self._changed.notify_all()

    def _take(self, alone: bool) -> _Hired:
        def free() -> list[_Hired]:
            return [worker for worker in self._hired if worker.facts and not worker.alone]

        while True:
            while not self._changed.wait_for(lambda: self._failure or free(), PATIENCE_S):
                if not self._starting and not any(worker.facts for worker in self._hired):
                    raise EngineError(f"no worker could be started for {PATIENCE_S:.0f} seconds: is the cluster busy?")
            if self._failure:
                raise self._failure
            worker = min(free(), key=lambda worker: worker.busy)
            worker.busy += 1
            worker.alone = alone
            while alone and worker.busy > 1 and worker in self._hired:
                self._changed.wait()
            if worker in self._hired:
                return worker
            worker.busy -= 1

    def _add_worker(self) -> None:
        worker = _Hired(self._hire())
        with self._changed:
            self._hired.append(worker)
        threading.Thread(target=self._welcome, args=[worker], daemon=True).start()

    def _welcome(self, worker: _Hired) -> None:
        """Have the worker load its models; then it can be taken."""
        errors, started = self._ray.exceptions, False
        try:
            self._ray.get(worker.actor.__ray_ready__.remote())
            with self._changed:
                started = True
                self._starting += 1
            facts = self._ray.get(worker.actor.load_models.remote())
            with self._changed:
                worker.facts, self._stillborn = facts, 0
        except errors.RayTaskError as error:
            self._fail(error.cause)
        except errors.RayError as error:
            self._stillborn += 1
            if self._stillborn > 2 * len(self._hired):
                reason = str(error).strip().splitlines()[-1].strip()
                self._fail(EngineError(f"workers die while they load the models: {reason}"))
            self._replace(worker)
        except Exception as error:  # as when Ray has been shut down meanwhile
            self._fail(error)
        finally:
            with self._changed:
                self._starting -= started
                self._changed.notify_all()

    def _replace(self, worker: _Hired) -> None:
        """Start another worker in place of one that died or cannot be reached."""
        with self._changed:
            if self._failure or worker not in self._hired:
                return
            self._hired.remove(worker)
            self._changed.notify_all()
        self._ray.kill(worker.actor)
        self._add_worker()

    def _fail(self, error: BaseException) -> None:
        """Let every call raise that error, or an earlier one."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()


def share_out(nodes: Sequence[Mapping[str, float]], workers: int | None, gpus: float) -> tuple[int, int]:
    """How many workers of `gpus` GPUs there are to be, and the cores of each: as many as leave room for all of them.

    Raises EngineError when there is no room for so many.
    """
    sizes = [(int(node.get("CPU", 0)), int(node.get("GPU", 0) / gpus + 1e-9) if gpus else None) for node in nodes]

    def room(cores: int) -> int:
        return sum(cpus // cores if limit is None else min(cpus // cores, limit) for cpus, limit in sizes)

    most = room(1)
    count = workers or (most if gpus else sum(cpus > 0 for cpus, _ in sizes))
    if not most or count > most:
        each = f"a core and {gpus:g} GPUs" if gpus else "a core"
        raise EngineError(f"the cluster has room for {most} workers with {each} each, not for {max(count, 1)}")
    return count, next(cores for cores in range(max(cpus for cpus, _ in sizes), 0, -1) if room(cores) >= count)


def _start_ray(ray: Any, engine: RayEngine) -> None:
    """Connect to the cluster, or start Ray on this machine. Raises EngineError."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    address = engine.address or os.environ.get("RAY_ADDRESS") or "local"
    level = logging.INFO if engine.verbose else logging.CRITICAL
    on_sigterm = signal.getsignal(signal.SIGTERM)  # Ray's own would end the process by an exception, anywhere
    try:
        with warnings.catch_warnings(action="ignore"):  # of lancedb's about forks: what Ray forks runs another program
            ray.init(address, include_dashboard=False, log_to_driver=engine.verbose, logging_level=level)
    except Exception as error:  # Ray raises that very class, too
        ray.shutdown()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EngineError(f"cannot start Ray at {address!r}: {reason}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)
