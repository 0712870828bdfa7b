"""What billing's tests begin with."""

import pytest

from services.billing.tests.books import Books
from tests.product import Company


@pytest.fixture
def books(company: Company) -> Books:
    return Books(company)
