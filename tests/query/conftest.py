"""Fixtures of the search tests that statements need too."""

from tests.search.conftest import context

__all__ = ["context"]
