"""API keys: made, exchanged, revoked."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from typing import Any

import pytest

from services.identity.tests.people import sign_in, try_to_sign_in
from tests.product import Company

KEYS = "/api/identity/api-keys"


def make_key(company: Company, role: str = "viewer", **more: str) -> Any:
    made = company.post(KEYS, {"name": "shop", "role": role, **more})
    return made


def test_a_key_is_exchanged_for_a_token_of_its_role(company: Company) -> None:
    made = make_key(company)

    answer = try_to_sign_in(company.house, api_key=made["api_key"])

    assert answer.json()["company_id"] == company.id
    assert "billing.invoice.read" in answer.json()["permissions"]
    assert answer.json()["expires_in_s"] == 300
    sign_in(company, api_key=made["api_key"]).get(f"/api/identity/companies/{company.id}")


def test_the_secret_has_256_bits_and_is_told_once(company: Company) -> None:
    made = make_key(company)
    id, secret = made["api_key"].split(".")

    assert id == made["key"]["id"]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert secret not in str(company.get(KEYS))
    with company.house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s, '', '')", ([company.id],))
        assert secret not in str(session.exec_driver_sql("select to_jsonb(k) from app.api_key k").all())
        assert secret not in str(session.exec_driver_sql("select to_jsonb(c) from audit.change c").all())


def test_the_audit_trail_has_who_made_and_revoked_a_key_but_not_its_hash(company: Company) -> None:
    made = make_key(company)
    id, secret = made["api_key"].split(".")
    company.post(f"{KEYS}/{id}/revoke")

    with company.house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s, '', '')", ([company.id],))
        changes = session.exec_driver_sql("select action, to_jsonb(c)::text from audit.change c where row_key = %s", (id,)).all()

    assert [action for action, _ in changes] == ["insert", "update"]
    hash = hashlib.sha256(secret.encode()).hexdigest()
    assert [shown for _, shown in changes if hash in shown] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key.split(".")[0],
        lambda key: "." + key,
        lambda key: key.swapcase(),
    ],
)
def test_a_wrong_secret_is_refused(company: Company, change) -> None:
    made = make_key(company)

    answer = try_to_sign_in(company.house, api_key=change(made["api_key"]))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/sign-in-refused")


def test_the_secret_of_one_key_does_not_open_another(company: Company) -> None:
    one, other = make_key(company)["api_key"], make_key(company)["api_key"]

    mixed = one.split(".")[0] + "." + other.split(".")[1]

    assert try_to_sign_in(company.house, api_key=mixed).status_code == 401


def test_a_revoked_key_and_its_tokens_end(company: Company) -> None:
    made = make_key(company)
    holder = sign_in(company, api_key=made["api_key"])

    revoked = company.post(f"{KEYS}/{made['key']['id']}/revoke")

    assert revoked["revoked_at"] is not None
    holder.refused(f"/api/identity/companies/{company.id}", method="GET", status=401, problem="unauthenticated")
    assert try_to_sign_in(company.house, api_key=made["api_key"]).status_code == 401
    assert company.post(f"{KEYS}/{made['key']['id']}/revoke") == revoked, "again changes nothing"


def test_a_key_is_good_through_its_last_day_in_the_company_s_time_zone(company: Company) -> None:
    company.call("PATCH", f"/api/identity/companies/{company.id}", {"time_zone": "Pacific/Kiritimati"})  # UTC+14
    company.house.pump()
    made = make_key(company, expires_on="2026-01-31")

    company.house.clock.move_to(date(2026, 1, 30))  # noon UTC: January 31 there
    assert try_to_sign_in(company.house, api_key=made["api_key"]).status_code == 200
    company.house.clock.move_to(date(2026, 1, 31))
    refused = try_to_sign_in(company.house, api_key=made["api_key"])

    assert refused.status_code == 401
    assert refused.json()["detail"] == "the API key has expired"


def test_a_key_does_not_expire_before_today(company: Company) -> None:
    body = {"name": "shop", "role": "viewer", "expires_on": "2026-01-14"}

    refused = company.refused(KEYS, body, status=422, problem="expires-too-early")

    assert refused["errors"][0]["pointer"] == "/expires_on"


def test_nobody_makes_a_key_that_may_more(company: Company) -> None:
    company.may_only("identity.api_key.*").refused(
        KEYS, {"name": "shop", "role": "owner"}, status=403, problem="grant-beyond-own"
    )


def test_a_key_needs_a_role_that_there_is(company: Company) -> None:
    company.refused(KEYS, {"name": "shop", "role": "king"}, status=422, problem="role-unknown")


def test_a_key_of_another_company_is_not_found(company: Company) -> None:
    made = make_key(company)
    other = company.house.company(name="Other")

    other.refused(f"{KEYS}/{made['key']['id']}/revoke", status=404, problem="api-key-not-found")
    assert other.get(KEYS)["items"] == []
    sign_in(company, api_key=made["api_key"])


def test_keys_are_listed_by_role_and_state(company: Company) -> None:
    one, other = make_key(company)["key"], make_key(company, "clerk")["key"]
    company.post(f"{KEYS}/{other['id']}/revoke")

    assert [key["id"] for key in company.get(KEYS, revoked="false")["items"]] == [one["id"]]
    assert [key["id"] for key in company.get(KEYS, role="clerk", sort="-created_at")["items"]] == [other["id"]]
