"""Each way to corrupt the books is caught and named by the checker; the product's own proof and verify find what is theirs."""

from __future__ import annotations

import pytest

from tests.product import Company, House
from tests.rig.checker import check
from tests.rig.conftest import settle
from tests.rig.corruptions import CORRUPTIONS, Corruption
from tests.rig.harm import behind_the_back


def found_by_the_product(company: Company) -> frozenset[str]:
    """The proofs that are red, and the services whose `verify` has faults, the journal proven from its beginning."""
    with behind_the_back(company.house, "ledger", (), company, company) as harm:
        harm.connection.execute("delete from app.chain_checkpoint where company_id = %s", (company.id,))
    proofs = company.get("/api/ledger/proofs")["proofs"]
    red = {proof["code"] for proof in proofs if proof["state"] == "red"}
    broken = {name for name in ("ledger", "billing", "payments") if company.get(f"/api/{name}/verification")["faults"]}
    return frozenset(red | broken)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_it_is_caught_and_named(books: House, told: tuple[Company, Company], corruption: Corruption, seed: int) -> None:
    company, other = told
    with behind_the_back(books, corruption.service, corruption.tables, company, other, seed) as harm:
        named = corruption.apply(harm)

        breaches = check(books.assembly.urls, settled=True, companies=[company.id, other.id])
        found = found_by_the_product(company)

    assert [breach for breach in breaches if breach.rule == corruption.rule and named in breach.what], (named, breaches)
    assert found == corruption.finds


def test_afterwards_the_books_are_sound_again(books: House, told: tuple[Company, Company]) -> None:
    settle(books)
    assert check(books.assembly.urls, settled=True) == []
    assert found_by_the_product(told[0]) == frozenset()


def test_there_are_enough_of_them() -> None:
    assert len(CORRUPTIONS) >= 14
    assert len({corruption.name for corruption in CORRUPTIONS}) == len(CORRUPTIONS)
