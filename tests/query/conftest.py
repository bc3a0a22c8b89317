"""Fixtures of the search tests that statements need too."""

from tests.search.conftest import context, tiny_store

__all__ = ["context", "tiny_store"]
