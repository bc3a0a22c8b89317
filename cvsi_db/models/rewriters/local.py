"""The rewriter that is a language model on this machine: a causal model of transformers, asked what the openai one is.

Takes captions and an edit text, returns a `Rewrite`. The model is a folder as `save_pretrained` writes it, or a
repository of the hub; it loads, and is downloaded if need be, with the first question. One prompt holds all captions,
the decoding is greedy, and the answer is bounded. Only safetensors are read, and code that comes with a checkpoint
never runs. Every failure is a RewriteError in one line with a remedy.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvsi_db.errors import ModelError, RewriteError
from cvsi_db.models.device import choose_device
from cvsi_db.models.hashes import digest_weights
from cvsi_db.models.hub import LANGUAGE_MODEL_FILES, cached_files, download, require_hub
from cvsi_db.models.rewriters.answer import parse_answer
from cvsi_db.models.rewriters.prompts import PROMPT_VERSION, SYSTEM_PROMPT, user_prompt
from cvsi_db.records import Rewrite

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

TOKENS_A_CAPTION, TOKENS_BESIDE, MOST_TOKENS = 80, 96, 4096
"""What an answer may have: so many tokens for each caption and beside them, and never more than the last."""

_REMEDY = "or use --rewriter rules"


class LocalRewriter:
    """A rewriter over transformers. `source` is a folder or OWNER/NAME; nothing is read before the first rewrite.

    Safe to ask from several threads, which take turns.
    """

    def __init__(self, source: str, device: str = "auto") -> None:
        self._source = source
        self._device = device
        self._turn = threading.Lock()

    @cached_property
    def name(self) -> str:
        """Names the model and the prompt version; of a folder with a digest of its weights."""
        folder = Path(self._source).expanduser()
        model = f"{folder.resolve().name}-{digest_weights(self._source)}" if folder.is_dir() else self._source
        return f"local-{model}-prompt{PROMPT_VERSION}"

    def check(self) -> None:
        """Raises RewriteError when the model is not here and cannot be downloaded; loads nothing."""
        folder = Path(self._source).expanduser()
        if folder.is_dir():
            for pattern, what in (
                ("config.json", "model: config.json is missing"),
                ("*.safetensors", "safetensors, and no others are read"),
            ):
                if not any(folder.glob(pattern)):
                    raise RewriteError(f"the folder {self._source!r} holds no {what}: name another model, {_REMEDY}")
            return
        try:
            if cached_files(self._source, LANGUAGE_MODEL_FILES)[1]:
                require_hub(f"the rewriter 'local:{self._source}'", "use --rewriter rules")
        except ModelError as error:
            raise RewriteError(str(error)) from error

    def rewrite(self, captions: Sequence[str], edit_text: str) -> Rewrite:
        """An edited caption for each caption, in order; `parse_answer` says what holds when the model miscounts.

        Raises RewriteError when there is nothing to rewrite, the model cannot be had or gives no usable answer.
        """
        if not captions:
            raise RewriteError("nothing to rewrite: no captions; caption the reference image first")
        most = min(TOKENS_BESIDE + TOKENS_A_CAPTION * len(captions), MOST_TOKENS)
        with self._turn:
            text, count = self._ask(SYSTEM_PROMPT, user_prompt(captions, edit_text), most)
        try:
            answer = parse_answer(text, len(captions))
        except RewriteError as error:
            if count < most:
                raise
            cut = f"the answer of the model {self._source!r} was cut off after {most} tokens"
            raise RewriteError(f"{cut}: use another model, {_REMEDY}") from error
        return Rewrite(answer.edited_captions, answer.added_objects, self.name)

    def _ask(self, system: str, user: str, most: int) -> tuple[str, int]:
        """The model's answer, and of how many tokens it is, the end's among them: at most `most`."""
        import torch

        tokenizer, model = self._loaded
        try:
            prompt = self._prompt(system, user).to(model.device)
            length, longest = prompt.shape[1], getattr(model.config, "max_position_embeddings", None)
            if longest and length + most > longest:
                raise RewriteError(
                    f"the model {self._source!r} reads {longest} tokens, and prompt and answer may have "
                    f"{length + most}: use a model with a longer context, {_REMEDY}"
                )
            with torch.inference_mode():
                found = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=most)[0, length:]
        except RewriteError:
            raise
        except Exception as error:  # whatever its template, its code or a device without memory raise
            raise RewriteError(f"the model {self._source!r} failed ({_first_line(error)}): {_REMEDY[3:]}") from error
        return str(tokenizer.decode(found, skip_special_tokens=True)), len(found)

    def _prompt(self, system: str, user: str) -> torch.Tensor:
        """(1, length) token ids by the model's chat template; where that has no system role, both texts are the user's.

        Templates of models that think first are told not to; others ignore that.
        """
        from jinja2 import TemplateError

        tokenizer, _ = self._loaded
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        options: dict[str, Any] = {"add_generation_prompt": True, "return_dict": True, "return_tensors": "pt"}
        try:
            encoded = tokenizer.apply_chat_template(messages, **options, enable_thinking=False)
        except TemplateError:
            messages = [{"role": "user", "content": f"{system}\n\n{user}"}]
            encoded = tokenizer.apply_chat_template(messages, **options, enable_thinking=False)
        tokens: torch.Tensor = encoded["input_ids"]
        return tokens

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model, on the device. Raises RewriteError when they cannot be had."""
        self.check()
        place = Path(self._source).expanduser()
        if not place.is_dir():
            files, missing = cached_files(self._source, LANGUAGE_MODEL_FILES)
            if missing:
                _log.info("pulling the rewriter %s", self._source)
                try:
                    files = download(self._source, LANGUAGE_MODEL_FILES)
                except ModelError as error:
                    raise RewriteError(str(error)) from error
            place = files[0].parent
        from cvsi_db.models.torchvision_shim import ensure_torchvision

        ensure_torchvision()
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        from cvsi_db.models.clip import quiet_libraries
        from cvsi_db.models.transformers_clip import without_progress_bars

        try:
            with quiet_libraries(), without_progress_bars():
                tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
                model = AutoModelForCausalLM.from_pretrained(place, use_safetensors=True, trust_remote_code=False)
        except Exception as error:  # transformers raises whatever its readers stumble over
            raise RewriteError(
                f"cannot load the language model {self._source!r} ({_first_line(error)}): name another one, {_REMEDY}"
            ) from error
        if tokenizer.chat_template is None:
            raise RewriteError(
                f"the model {self._source!r} has no chat template: use one that was tuned to follow instructions, "
                f"{_REMEDY}"
            )
        ends = model.generation_config.eos_token_id
        ends = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(ends, default=None)
        # Without what a checkpoint recommends for chats: sampling, penalties for repetition.
        model.generation_config = GenerationConfig(
            do_sample=False, num_beams=1, eos_token_id=sorted(ends) or None, pad_token_id=padding
        )
        return tokenizer, model.to(choose_device(self._device)).eval()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
