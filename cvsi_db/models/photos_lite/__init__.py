"""photos-lite: a small model for photographs that is always there; README.md is its model card.

`network` sees 1,000 classes in a photograph, `vocabulary` reads words as classes and colours, `encoder` makes vectors
of both, and `captioner` says what it sees.
"""

from __future__ import annotations
