"""What a rewriter has cost so far: requests and tokens, counted from any number of threads.

Holds numbers and says them in words; knows nothing about who counts or what a token is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Usage:
    """Requests sent (retries included) and tokens of all answers, as the endpoint counted them; 0 where it did not."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def add(self, requests: int = 0, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Count these too."""
        with self._lock:
            self.requests += requests
            self.prompt_tokens += prompt_tokens
            self.completion_tokens += completion_tokens

    def __str__(self) -> str:
        """For people: `2 requests, 312 + 88 tokens` (those of the prompts, those of the answers)."""
        plural = "" if self.requests == 1 else "s"
        return f"{self.requests} request{plural}, {self.prompt_tokens} + {self.completion_tokens} tokens"
