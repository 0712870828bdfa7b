"""Companies through the API."""

from __future__ import annotations

from typing import Any

import pytest

from services.identity.tests.people import PASSWORD, email, sign_in
from shared.contracts.identity import CompanyChanged, CompanyCreated
from tests.product import Company, House

NEW = {"name": "Northwind", "time_zone": "America/New_York", "currency": "USD"}


@pytest.fixture
def installation(house: House) -> Company:
    """The administrator of the installation, who belongs to no company."""
    return Company(house, 0, "")


def events(company: Company, subject: str) -> list[dict[str, Any]]:
    return company.get("/api/identity/events", subject=subject)["items"]


def test_the_installation_creates_a_company_and_every_service_learns_of_it(installation: Company) -> None:
    made = installation.post("/api/identity/companies", NEW)

    assert {name: made[name] for name in NEW} == NEW
    company = Company(installation.house, made["company_id"], "USD")
    assert company.get(f"/api/identity/companies/{company.id}") == made
    assert [event["type"] for event in events(company, f"cmp_{company.id}")] == [CompanyCreated.type]
    for name in installation.house.services:
        assert company.call("GET", f"/api/{name}/status").status_code == 200


def test_a_company_is_created_with_its_first_person_who_may_do_everything(installation: Company) -> None:
    owner = {"email": email(), "name": "Olga", "password": PASSWORD}

    made = installation.post("/api/identity/companies", {**NEW, "owner": owner})

    company = Company(installation.house, made["company_id"], "USD")
    olga = sign_in(company, email=owner["email"], password=PASSWORD)
    assert [person["role"] for person in olga.get("/api/identity/people")["items"]] == ["owner"]


def test_a_company_without_its_first_person_is_not_created(installation: Company) -> None:
    owner = {"email": "nobody", "name": "Olga", "password": "short"}

    refused = installation.refused("/api/identity/companies", {**NEW, "owner": owner}, status=422, problem="invalid-input")

    assert [fault["pointer"] for fault in refused["errors"]] == ["/owner/email", "/owner/password"]


def test_only_the_installation_creates_companies(company: Company) -> None:
    company.refused("/api/identity/companies", NEW, status=403, problem="installation-needed")


def test_the_installation_is_no_company(installation: Company) -> None:
    installation.refused("/api/identity/people", method="GET", status=403, problem="company-needed")


def test_every_fault_of_a_new_company_is_told_at_once(installation: Company) -> None:
    body = {"name": "Northwind", "time_zone": "Mars/Olympus", "currency": "XXQ"}

    refused = installation.refused("/api/identity/companies", body, status=422, problem="invalid-input")

    assert {fault["pointer"]: fault["type"] for fault in refused["errors"]} == {
        "/time_zone": "/problems/time-zone-unknown",
        "/currency": "/problems/currency-unknown",
    }


@pytest.mark.parametrize("time_zone", ["", "Factory", "EST5", "../UTC", "posix/UTC", "localtime", "utc"])
def test_a_time_zone_is_one_of_the_iana_database(company: Company, time_zone: str) -> None:
    company.refused(
        f"/api/identity/companies/{company.id}",
        {"time_zone": time_zone},
        method="PATCH",
        status=422,
        problem="time-zone-unknown",
    )


def test_a_new_name_and_time_zone_reach_every_service_and_the_audit(company: Company) -> None:
    path = f"/api/identity/companies/{company.id}"

    changed = company.call("PATCH", path, {"name": "Greenfield Trading", "time_zone": "Pacific/Auckland"})
    company.house.pump()

    assert changed.json()["name"] == "Greenfield Trading"
    facts = events(company, f"cmp_{company.id}")
    assert facts[-1]["type"] == CompanyChanged.type
    assert facts[-1]["data"] == {"name": "Greenfield Trading", "time_zone": "Pacific/Auckland", "currency": "USD"}
    with company.house.databases["identity"].worker.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s, '', '')", ([company.id],))
        assert session.exec_driver_sql("select time_zone from copies.company").scalar_one() == "Pacific/Auckland"
    trail = company.get(f"/api/identity/changes?table=app.company&key={company.id}")["items"]
    assert [(change["action"], change["actor"]) for change in trail] == [("update", "usr_test"), ("insert", "test")]
    assert trail[0]["before"]["time_zone"] == "UTC"


def test_the_same_name_again_states_nothing(company: Company) -> None:
    company.call("PATCH", f"/api/identity/companies/{company.id}", {"name": "Greenfield Supply"})

    assert [event["type"] for event in events(company, f"cmp_{company.id}")] == [CompanyCreated.type]


def test_a_currency_never_changes(company: Company) -> None:
    refused = company.refused(
        f"/api/identity/companies/{company.id}", {"currency": "EUR"}, method="PATCH", status=422, problem="invalid-input"
    )

    assert refused["errors"][0]["pointer"] == "/currency"


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_another_company_is_not_found(company: Company, method: str) -> None:
    other = company.house.company(name="Other")

    company.refused(
        f"/api/identity/companies/{other.id}",
        None if method == "GET" else {"name": "Mine"},
        method=method,
        status=404,
        problem="company-not-found",
    )
