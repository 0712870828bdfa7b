"""What billing's tests begin with."""

import pytest

from services.billing.tests.books import Books, company_in_billing
from tests.product import Company, House


@pytest.fixture
def company(house: House) -> Company:
    """A company of its own for this test, with US dollars and UTC, known to identity and billing."""
    return company_in_billing(house)


@pytest.fixture
def books(company: Company) -> Books:
    return Books(company)
