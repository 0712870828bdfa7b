"""Sign-in, its limits, and tokens that nobody of ours has signed."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.identity.tests.people import PASSWORD, add_person, email, try_to_sign_in
from shared.http.auth import AUDIENCE, ISSUER
from tests.product import Company, House


def claims(company: Company, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "usr_x", "cid": company.id, "perms": ["*"], "iat": now, "exp": now + 300}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def refused(company: Company, token: str) -> dict[str, Any]:
    document: dict[str, Any] = company.refused(
        f"/api/identity/companies/{company.id}",
        method="GET",
        headers={"Authorization": f"Bearer {token}"},
        status=401,
        problem="unauthenticated",
    )
    return document


def published(house: House) -> dict[str, Any]:
    return house.peers["identity"].client("identity").get("/api/identity/jwks").json()["keys"][0]


def test_the_address_is_taken_in_any_case(company: Company) -> None:
    person = add_person(company)

    assert try_to_sign_in(company.house, email=person["email"].upper(), password=PASSWORD).status_code == 200


def test_an_unknown_address_and_a_wrong_password_are_answered_alike(company: Company) -> None:
    person = add_person(company)

    wrong = try_to_sign_in(company.house, email=person["email"], password="not the password")
    unknown = try_to_sign_in(company.house, email=email(), password=PASSWORD)

    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    assert wrong.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_address_takes_as_long_as_a_wrong_password(company: Company) -> None:
    known = add_person(company)["email"]

    def quickest(address: str) -> float:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            try_to_sign_in(company.house, email=address, password="not the password")
            took.append(time.perf_counter() - began)
        return min(took)

    unknown_s, wrong_s = quickest(email()), quickest(known)

    assert unknown_s > wrong_s / 3, "without a hash to check it would take a tenth"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@b.cd"},
        {"password": "x"},
        {"email": "a@b.cd", "password": "x", "api_key": "y"},
        {"api_key": "y", "password": "x"},
    ],
)
def test_sign_in_takes_one_way_at_a_time(house: House, body: dict[str, str]) -> None:
    answer = try_to_sign_in(house, **body)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")


@pytest.mark.parametrize(
    "body",
    [
        {"email": ["a"], "password": "x"},
        {"api_key": 7},
        {"api_key": "x" * 201},
        {"api_key": "a\0b"},
        {"email": "a\0@b.cd", "password": "x"},
    ],
)
def test_sign_in_refuses_what_is_no_text(house: House, body: dict[str, Any]) -> None:
    assert try_to_sign_in(house, **body).status_code in (401, 422)


def test_after_five_failures_in_a_minute_the_sixth_try_waits_even_with_the_right_password(company: Company) -> None:
    person = add_person(company)
    for _ in range(5):
        assert try_to_sign_in(company.house, email=person["email"], password="a wrong guess").status_code == 401

    answer = try_to_sign_in(company.house, email=person["email"].upper(), password=PASSWORD)

    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-sign-ins")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert try_to_sign_in(company.house, "198.51.100.2", email=person["email"], password=PASSWORD).status_code == 200, (
        "nobody is kept out from another network address"
    )


def test_the_wait_ends_when_the_first_failure_is_a_minute_old(company: Company) -> None:
    person = add_person(company)
    for _ in range(5):
        try_to_sign_in(company.house, email=person["email"], password="a wrong guess")

    with company.house.owner("identity") as owner:
        owner.execute("update app.failed_sign_in set at = at - interval '60 seconds'")

    assert try_to_sign_in(company.house, email=person["email"], password=PASSWORD).status_code == 200


def test_parallel_guesses_are_limited_like_others(house: House) -> None:
    address = email()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: try_to_sign_in(house, email=address, password="a wrong guess").status_code, range(8)))

    assert sorted(answers) == [401] * 5 + [429] * 3


def test_fifty_failures_from_one_network_address_are_enough_for_whomever(house: House) -> None:
    with house.owner("identity") as owner:
        owner.execute("insert into app.failed_sign_in (who, address) select '\\x00', '203.0.113.9' from generate_series(1, 50)")

    assert try_to_sign_in(house, "203.0.113.9", email=email(), password=PASSWORD).status_code == 429
    assert try_to_sign_in(house, "203.0.113.10", email=email(), password=PASSWORD).status_code == 401


def test_what_was_typed_is_not_kept(house: House) -> None:
    try_to_sign_in(house, email="my password by mistake", password=PASSWORD)

    with house.owner("identity") as owner:
        assert "mistake" not in str(owner.execute("select encode(who, 'escape') from app.failed_sign_in").fetchall())


def test_a_token_says_that_a_company_is_a_demo(company: Company) -> None:
    person = add_person(company)
    with company.house.owner("identity") as owner:
        owner.execute("update app.company set origin = 'demo' where company_id = %s", (company.id,))

    token = try_to_sign_in(company.house, email=person["email"], password=PASSWORD).json()["token"]

    assert jwt.decode(token, options={"verify_signature": False})["origin"] == "demo"


def test_a_token_of_ours_is_taken(company: Company) -> None:
    company.get(f"/api/identity/companies/{company.id}")


def test_a_request_without_a_token_is_refused(company: Company) -> None:
    for header in ("", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"):
        answer = company.call("GET", f"/api/identity/companies/{company.id}", headers={"Authorization": header})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_that_is_not_signed_is_refused(company: Company) -> None:
    kid = published(company.house)["kid"]

    refused(company, jwt.encode(claims(company), "", algorithm="none", headers={"kid": kid}))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(company: Company) -> None:
    key = published(company.house)

    for secret in (key["x"].encode(), base64.urlsafe_b64decode(key["x"] + "=")):
        for algorithm in ("HS256", "HS512"):
            refused(company, jwt.encode(claims(company), secret, algorithm=algorithm, headers={"kid": key["kid"]}))


def test_a_token_of_a_key_that_is_not_ours_is_refused(company: Company) -> None:
    stranger = Ed25519PrivateKey.generate()
    kid = published(company.house)["kid"]

    for headers in ({"kid": kid}, {"kid": "key_00000000000000000000000000"}, {"kid": "../../etc/passwd"}, {}):
        refused(company, jwt.encode(claims(company), stranger, algorithm="EdDSA", headers=headers))


def test_a_key_that_the_token_brings_along_is_not_taken(company: Company) -> None:
    stranger = Ed25519PrivateKey.generate()
    jwk = jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    headers = {"kid": published(company.house)["kid"], "jwk": jwk, "jku": "https://example.com/jwks"}

    refused(company, jwt.encode(claims(company), stranger, algorithm="EdDSA", headers=headers))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 2**33},
        {"sub": None},
        {"cid": None},
        {"cid": "one"},
        {"perms": None},
        {"perms": 7},
        {"aud": "other"},
        {"aud": None},
        {"iss": "other"},
        {"iss": None},
        {"nbf": 2**33},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(company: Company, changed: dict[str, Any]) -> None:
    token = company.token()
    kid = jwt.get_unverified_header(token)["kid"]
    with company.house.owner("identity") as owner:
        pem = owner.execute("select private_pem from app.signing_key where key_id = %s", (kid,)).fetchone()[0]

    refused(company, jwt.encode(claims(company, **changed), pem, algorithm="EdDSA", headers={"kid": kid}))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_changed_by_one_character_is_refused(company: Company, part: int) -> None:
    parts = company.token().split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]

    refused(company, ".".join(parts))


def test_a_token_of_one_company_shows_nothing_of_another(company: Company) -> None:
    other = company.house.company(name="Other")
    person = add_person(other)

    company.refused(f"/api/identity/people/{person['id']}", method="GET", status=404, problem="person-not-found")
