"""The small service that the tests of the edge call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.tests.edge import Edge, edge_of, new_company
from tests.product import Company, House


@pytest.fixture
def company(house: House) -> Company:
    """A company of its own for this test, which identity alone knows yet."""
    return new_company(house)


@pytest.fixture
def edge(house: House) -> Iterator[Edge]:
    """Routes over identity's database, with bodies of at most 2,000 bytes."""
    with edge_of(house, max_body_bytes=2000) as made:
        yield made
