"""One training of phi for a bundle, from its settings to its files: phi, its log, its plot, its checkpoint.

`PhiJob.plan` names the files and what the run is; `check` refuses before anything slow; `run` trains and writes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from cvsi_db.errors import UsageError
from cvsi_db.models.bundle import Bundle, load_bundle
from cvsi_db.models.phi import save_phi
from cvsi_db.training.caption_source import draw_captions
from cvsi_db.training.curves import draw_curves, read_curves
from cvsi_db.training.phi import RECIPES, PhiRun, Watch, train_phi
from cvsi_db.training.phi_checkpoint import PhiCheckpoint


def choose_run(recipe: str | None, model: str, **settings: Any) -> PhiRun:
    """The recipe's settings with those given instead; without a recipe, the one that suits the bundle `model`."""
    chosen = recipe or ("starter" if model == "starter" else "lincir")
    return replace(RECIPES[chosen], **{name: value for name, value in settings.items() if value is not None})


@dataclass(frozen=True)
class PhiJob:
    """A run that may start, or go on: what it learns from, and the files it writes beside `out`."""

    bundle: Bundle
    captions: Sequence[str]
    run_settings: PhiRun
    out: Path
    checkpoint: PhiCheckpoint
    log_every: int

    @classmethod
    def plan(
        cls,
        model: str,
        device: str,
        captions: Sequence[str],
        run: PhiRun,
        out: Path,
        *,
        save_every: int,
        log_every: int,
    ) -> Self:
        """The job; of more captions than the run has places for, some are drawn by its seed. No model loads yet.

        Raises BundleError for an unknown bundle, UsageError for a device this machine lacks.
        """
        bundle = load_bundle(model, device)
        drawn = draw_captions(captions, run.steps * run.batch, run.seed)
        read = hashlib.sha256("\n".join(drawn).encode()).hexdigest()[:16]
        identity = {**asdict(run), "captions": f"{len(drawn)} captions of digest {read}", "clip": bundle.fingerprint}
        checkpoint = PhiCheckpoint(out.with_suffix(".checkpoint.safetensors"), save_every, identity)
        return cls(bundle, drawn, run, out, checkpoint, log_every)

    @property
    def log(self) -> Path:
        """JSON lines: step, loss, seconds."""
        return self.out.with_suffix(".jsonl")

    @property
    def plot(self) -> Path:
        """The loss by step, drawn."""
        return self.out.with_suffix(".png")

    def check(self, *, resume: bool) -> None:
        """Raises UsageError unless the files can be written, and a checkpoint is there exactly when one is wanted."""
        if self.out.suffix != ".safetensors":
            raise UsageError(f"phi is written as safetensors: {str(self.out)!r} must end in .safetensors")
        if not self.out.parent.is_dir():
            raise UsageError(f"there is no folder {str(self.out.parent)!r} to write phi to: make it first")
        kept = self.checkpoint.path
        if resume and not kept.exists():
            raise UsageError(f"there is nothing to resume, no {str(kept)!r}: leave --resume out")
        if kept.exists() and not resume:
            raise UsageError(f"{str(kept)!r} keeps a run that was cut off: go on with --resume, or delete it")
        self.checkpoint.check()

    def run(self, progress: Callable[[str, int, int], None], stopped: Callable[[], bool]) -> None:
        """Trains and writes. Raises KeyboardInterrupt once `stopped` returns True; the checkpoint keeps the run."""
        if not self.checkpoint.path.exists():
            self.log.unlink(missing_ok=True)
        began = time.monotonic()

        def report(step: int, loss: float) -> None:
            entry = {"step": step, "loss": round(loss, 6), "seconds": round(time.monotonic() - began, 1)}
            with self.log.open("a") as log:
                log.write(json.dumps(entry) + "\n")

        watch = Watch(report, self.log_every, progress, stopped)
        network = train_phi(self.bundle.clip, self.captions, self.run_settings, watch, self.checkpoint)
        save_phi(network, self.out)
        draw_curves(self.log, self.plot)
        self.checkpoint.remove()

    def last_loss(self) -> float:
        """The loss at the last step."""
        return read_curves(self.log)["loss"][-1][1]
