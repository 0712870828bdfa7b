"""Rotation: keys are published before they sign, old tokens stay good, replicas make one key together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import ProgrammingError

from services.identity.signing_keys import usecases
from services.identity.timers import keep_keys
from services.identity.tokens.usecases import mint_token
from shared.db import Database
from shared.http import auth
from tests.product import Company, House

DAY = timedelta(days=1)
READ = "/api/billing/terms"
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def identity(house: House) -> Iterator[Database]:
    """Identity's database without a signing key; what the test made is removed again."""
    forget_keys(house)
    yield house.databases["identity"]
    forget_keys(house)


def signs(identity: Database, now: datetime) -> str:
    with identity.api.begin() as session:
        return usecases.signing_key(session, now).key_id


def published(identity: Database, now: datetime) -> list[str]:
    with identity.api.begin() as session:
        return [key["kid"] for key in usecases.published_keys(session, now)]


def rotate(identity: Database, now: datetime) -> None:
    with identity.worker.begin() as session:
        usecases.rotate_ahead(session, now)


def test_the_first_key_signs_at_once_and_for_thirty_days(identity: Database) -> None:
    first = signs(identity, BEGIN)

    assert signs(identity, BEGIN + 30 * DAY - timedelta(seconds=1)) == first
    assert published(identity, BEGIN) == [first]


def test_the_next_key_is_published_a_day_before_it_signs(identity: Database) -> None:
    first = signs(identity, BEGIN)

    rotate(identity, BEGIN + 29 * DAY - timedelta(seconds=1))
    assert published(identity, BEGIN + 29 * DAY) == [first]
    rotate(identity, BEGIN + 29 * DAY)

    following, *others = published(identity, BEGIN + 29 * DAY)
    assert others == [first]
    assert signs(identity, BEGIN + 30 * DAY - timedelta(seconds=1)) == first
    assert signs(identity, BEGIN + 30 * DAY) == following


def test_a_key_stays_published_for_a_day_after_it_signed_and_is_then_removed(identity: Database) -> None:
    first = signs(identity, BEGIN)
    rotate(identity, BEGIN + 29 * DAY)

    assert first in published(identity, BEGIN + 31 * DAY - timedelta(seconds=1))
    assert first not in published(identity, BEGIN + 31 * DAY)

    rotate(identity, BEGIN + 31 * DAY)
    with identity.worker.begin() as session:
        kept = session.exec_driver_sql("select key_id from app.signing_key").scalars().all()
    assert first not in kept
    assert len(kept) == 1


def test_a_year_of_rotation_leaves_no_moment_without_one_key_to_sign_with(identity: Database) -> None:
    seen = set()
    with identity.worker.connect() as worker, identity.api.connect() as session:
        for day in range(365):
            usecases.rotate_ahead(worker, BEGIN + day * DAY)
            worker.commit()
            seen.add(usecases.signing_key(session, BEGIN + day * DAY).key_id)
            assert len(usecases.published_keys(session, BEGIN + day * DAY)) <= 2
            session.commit()

    assert len(seen) == 13, "a key every thirty days"


def test_a_worker_that_was_away_for_months_goes_on(identity: Database) -> None:
    first = signs(identity, BEGIN)

    rotate(identity, BEGIN + 200 * DAY)

    assert signs(identity, BEGIN + 200 * DAY) != first
    assert published(identity, BEGIN + 200 * DAY) == [signs(identity, BEGIN + 200 * DAY)]


def test_a_token_of_the_key_before_is_good_while_the_next_one_signs(identity: Database, house: House) -> None:
    company = house.company()
    old = house.token(company.id)
    with house.owner("identity") as owner:
        owner.execute("update app.signing_key set signs_until = clock_timestamp()")
    new = house.token(company.id)

    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]
    forget_fetched_keys(house)
    for token in (old, new):
        with_token = Company(house, company.id, "USD", ("it",), {("it",): token})
        with_token.get(f"/api/identity/companies/{company.id}")


def test_tokens_of_a_key_that_has_just_begun_to_sign_are_never_refused(
    identity: Database, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "QUIET_S", 60)
    company = house.company()
    before = Company(house, company.id, "USD", ("it",), {("it",): house.token(company.id)})
    assert before.call("GET", READ).status_code == 200  # the keys were fetched a moment ago
    with house.owner("identity") as owner:
        owner.execute("update app.signing_key set signs_until = clock_timestamp()")
    fresh = [Company(house, company.id, "USD", ("it",), {("it",): house.token(company.id)}) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda person: person.call("GET", READ), fresh))
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["type"] for answer in answers} == {"/problems/keys-unavailable"}
        assert all(answer.headers["Retry-After"] for answer in answers)
        forget_fetched_keys(house)
        assert {answer.status_code for answer in pool.map(lambda person: person.call("GET", READ), fresh)} == {200}


def test_two_replicas_make_one_next_key(identity: Database) -> None:
    signs(identity, BEGIN)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: rotate(identity, BEGIN + 29 * DAY), range(6)))

    assert len(published(identity, BEGIN + 29 * DAY)) == 2


def test_two_replicas_that_need_the_first_key_at_once_make_one(identity: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: signs(identity, BEGIN), range(8)))

    assert len(made) == 1


def test_the_worker_cannot_read_a_private_key(identity: Database) -> None:
    with identity.worker.begin() as session, pytest.raises(ProgrammingError) as refused:
        session.exec_driver_sql("select private_pem from app.signing_key")

    assert isinstance(refused.value.orig, InsufficientPrivilege)


def test_the_timer_makes_a_key_and_forgets_old_failures(identity: Database, house: House) -> None:
    with house.owner("identity") as owner:
        owner.execute(
            "insert into app.failed_sign_in (who, address, at) values ('\\x00', 'long ago', now() - interval '2 hours')"
        )
    worker = house.assembly.worker("identity")

    keep_keys(worker)
    keep_keys(worker)

    worker.database.close()
    with house.owner("identity") as owner:
        assert owner.execute("select count(*) from app.signing_key").fetchone() == (1,)
        assert owner.execute("select count(*) from app.failed_sign_in where address = 'long ago'").fetchone() == (0,)


def test_keys_in_wrong_hands_are_replaced_and_their_tokens_end(identity: Database, house: House) -> None:
    company = house.company()
    old = Company(house, company.id, "USD", ("old",), {("old",): house.token(company.id)})
    forget_fetched_keys(house)
    old.get(f"/api/identity/companies/{company.id}")

    replaced = Company(house, 0, "").post("/api/identity/signing-keys/replace")

    assert len(replaced["keys"]) == 1
    forget_fetched_keys(house)
    refused = old.refused(f"/api/identity/companies/{company.id}", method="GET", status=401, problem="unauthenticated")
    assert "not published" in refused["detail"]


def test_only_the_installation_replaces_keys(company: Company) -> None:
    company.refused("/api/identity/signing-keys/replace", status=403, problem="installation-needed")


def test_a_token_lives_five_real_minutes_whatever_the_moved_clock_says(identity: Database, house: House) -> None:
    with identity.api.begin() as session:
        token = mint_token(session, "usr_x", 1, ["*"])

    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 5


def forget_keys(house: House) -> None:
    with house.owner("identity") as owner:
        owner.execute("delete from app.signing_key")
    forget_fetched_keys(house)


def forget_fetched_keys(house: House) -> None:
    """As after five minutes."""
    for app in house.assembly.apps.values():
        tokens = app.extensions["duebook"].tokens
        tokens.keys, tokens.asked_at = {}, -1e9
        tokens.remembered.clear()
