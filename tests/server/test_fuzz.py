"""Requests made from the schema, at random: documented statuses only, errors in their one form, and never a trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from cvsi_db import Gallery
from cvsi_db.server import schemas
from cvsi_db.server.app import create_app

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install -e '.[dev]'")


def asking(url: str, documented: set[str], statuses: dict[int, int]) -> Callable[..., None]:
    """The test of one case: its status is one of those `documented`; it is counted in `statuses`."""

    def ask(case: Any) -> None:
        answer = case.call(base_url=url.rstrip("/"), timeout=60)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        assert str(answer.status_code) in documented, (case.as_curl_command(), answer.text)
        assert "Traceback" not in answer.text
        assert answer.status_code != 500, (case.as_curl_command(), answer.text)
        if answer.status_code >= 400:
            schemas.ErrorDocument.model_validate_json(answer.text)

    return ask


def fuzz(gallery: Gallery, url: str, requests: int) -> dict[int, int]:
    """Ask as many requests at most, of all operations, half of them wrong by the schema; how many got which status."""
    schema = schemathesis.openapi.from_dict(create_app(gallery).openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    modes = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    each = -(-requests // (len(operations) * len(modes)))
    statuses: dict[int, int] = {}
    for operation in operations:
        documented = set(operation.definition.raw["responses"])
        for mode in modes:
            try:
                cases = operation.as_strategy(generation_mode=mode)
            except Exception:  # there is nothing to get wrong
                continue

            run = settings(
                max_examples=each,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=cases)(asking(url, documented, statuses)))
            with suppress(Unsatisfiable):  # there is nothing to get wrong
                run()
    return statuses


@pytest.mark.slow
def test_requests_at_random(gallery: Gallery, url: str) -> None:
    statuses = fuzz(gallery, url, int(os.environ.get("CVSI_FUZZ", "25")))
    assert {200, 404, 422} <= set(statuses)


@pytest.mark.slow
def test_2000_requests_at_random(gallery: Gallery, url: str) -> None:
    statuses = fuzz(gallery, url, 3200)  # some operations have nothing to get wrong
    print(statuses)
    assert sum(statuses.values()) >= 2000
