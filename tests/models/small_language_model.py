"""A language model of random weights in the layout of the real ones' folders, and one that was taught one answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cvsi_db.models.rewriters.prompts import SYSTEM_PROMPT, user_prompt
from cvsi_db.models.torchvision_shim import ensure_torchvision

ensure_torchvision()  # before transformers, which imports it

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
WITHOUT_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
MARKS = ["<pad>", "<end>", "<system>", "<user>", "<assistant>"]


def save_language_model(
    folder: Path,
    answer: str = "",
    prompts: Sequence[tuple[Sequence[str], str]] = (),
    template: str | None = TEMPLATE,
    longest: int = 4096,
    steps: int = 60,
) -> Path:
    """A one-layer Llama with a tokenizer of single bytes and common pieces; returns the folder.

    With an `answer` it learns to give that one to each of the `prompts` (captions and an edit text).
    """
    tokenizer = small_tokenizer(answer, template)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=longest, bos_token_id=None, eos_token_id=1, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    if answer:
        teach(model, tokenizer, answer, prompts, steps)
    # What a checkpoint for chats recommends, and the rewriter does not do.
    model.generation_config.update(do_sample=True, temperature=2.0, top_k=50, repetition_penalty=3.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def small_tokenizer(answer: str, template: str | None) -> Any:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator([SYSTEM_PROMPT, *[answer] * 50], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<end>", additional_special_tokens=MARKS[2:],
        chat_template=template,
    )  # fmt: skip


def teach(model: Any, tokenizer: Any, answer: str, prompts: Sequence[tuple[Sequence[str], str]], steps: int) -> None:
    """Overfits the model to the answer behind each prompt."""
    said = tokenizer(f"{answer}<end>", add_special_tokens=False, return_tensors="pt").input_ids
    rows = []
    for captions, edit_text in prompts:
        texts = {"system": SYSTEM_PROMPT, "user": user_prompt(captions, edit_text)}
        messages = [{"role": role, "content": text} for role, text in texts.items()]
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        rows.append(torch.cat([asked["input_ids"], said], dim=1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(steps):
        row = rows[step % len(rows)]
        logits = model(row).logits[0, -said.shape[1] - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits, said[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
