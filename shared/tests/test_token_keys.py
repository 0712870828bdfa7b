"""The keys that tokens are checked with: fetched when needed, not more often, and never a reason to refuse a good token."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from shared.clock import Clock
from shared.errors import Refusal, Unauthenticated
from shared.http import auth
from shared.http.auth import AUDIENCE, ISSUER, KEYS_KEPT_S, KeysUnavailable, TokenChecker
from shared.ids import new_id


@dataclass
class Identity:
    """What publishes keys: how often it was asked, and what holds its answer up."""

    private: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    asked: int = 0
    answers: threading.Event = field(default_factory=threading.Event)
    was_asked: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()
        self.checker = TokenChecker(self.keys, Clock())

    def new_key(self, *, published: bool = True) -> str:
        key_id = new_id("key")
        self.private[key_id] = Ed25519PrivateKey.generate()
        if published:
            self.published.append(key_id)
        return key_id

    def token(self, key_id: str) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": new_id("usr"), "cid": 1, "perms": ["*"], "iat": now, "exp": now + 300}
        return jwt.encode(claims, self.private[key_id], algorithm="EdDSA", headers={"kid": key_id})

    def keys(self) -> dict[str, Any]:
        self.asked += 1
        answer = {
            "keys": [
                {**OKPAlgorithm.to_jwk(self.private[key_id].public_key(), as_dict=True), "kid": key_id, "alg": "EdDSA"}
                for key_id in self.published
            ]
        }
        self.was_asked.set()
        if not self.answers.wait(30):
            raise TimeoutError
        return answer

    def outcome(self, token: str) -> str:
        try:
            self.checker.check(token)
        except Refusal as refusal:
            return refusal.code
        return "good"

    def quiet_time_is_over(self) -> None:
        self.checker.asked_at -= 3600

    def keys_are_old(self) -> None:
        self.checker.fetched_at -= KEYS_KEPT_S + 1
        self.quiet_time_is_over()


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Identity:
    monkeypatch.setattr(auth, "QUIET_S", 60)
    monkeypatch.setattr(auth, "WAIT_FOR_KEYS_S", 60)
    made = Identity()
    made.new_key()
    return made


def test_a_key_is_fetched_once_for_all_its_tokens(identity: Identity) -> None:
    (key_id,) = identity.published

    assert [identity.outcome(identity.token(key_id)) for _ in range(20)] == ["good"] * 20
    assert identity.asked == 1


def test_who_meets_a_new_key_waits_for_the_fetch_in_progress(identity: Identity) -> None:
    (key_id,) = identity.published
    identity.answers.clear()

    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(identity.outcome, identity.token(key_id))
        assert identity.was_asked.wait(30)
        others = [pool.submit(identity.outcome, identity.token(key_id)) for _ in range(5)]
        identity.answers.set()

        assert {first.result(), *(other.result() for other in others)} == {"good"}
    assert identity.asked == 1


def test_a_key_that_is_met_right_after_a_fetch_is_not_refused_but_told_to_come_again(identity: Identity) -> None:
    assert identity.outcome(identity.token(identity.published[0])) == "good"
    new = identity.new_key()

    with pytest.raises(KeysUnavailable) as told:
        identity.checker.check(identity.token(new))

    assert (told.value.status, told.value.retry_after_s) == (503, 1)
    assert identity.asked == 1
    identity.quiet_time_is_over()
    assert identity.outcome(identity.token(new)) == "good"


def test_a_key_published_while_the_keys_were_fetched_is_not_refused(identity: Identity) -> None:
    identity.answers.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(identity.outcome, identity.token(identity.published[0]))
        assert identity.was_asked.wait(30)
        second = pool.submit(identity.outcome, identity.token(identity.new_key()))
        identity.answers.set()

        assert first.result() == "good"
        assert second.result() == "keys-unavailable"


def test_a_key_that_is_not_published_is_refused_and_stays_refused_without_another_fetch(identity: Identity) -> None:
    forged = identity.new_key(published=False)

    assert [identity.outcome(identity.token(forged)) for _ in range(5)] == ["unauthenticated"] * 5
    identity.quiet_time_is_over()
    assert identity.outcome(identity.token(forged)) == "unauthenticated"
    assert identity.asked == 1


def test_a_flood_of_forged_keys_does_not_make_identity_busy_nor_good_tokens_wait(identity: Identity) -> None:
    good = identity.published[0]
    assert identity.outcome(identity.token(good)) == "good"
    forged = [identity.token(identity.new_key(published=False)) for _ in range(200)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(identity.outcome, forged))
        assert set(pool.map(lambda _: identity.outcome(identity.token(good)), range(50))) == {"good"}

    assert outcomes == {"keys-unavailable"}
    assert identity.asked == 1


@pytest.mark.parametrize("key_id", ["", "x" * 5000, "key_", "usr_00000000000000000000000000", "key_0000000000000000000000000U"])
def test_a_key_of_another_shape_is_refused_without_asking(identity: Identity, key_id: str) -> None:
    with pytest.raises(Unauthenticated):
        identity.checker.key(key_id)

    assert identity.asked == 0


def test_while_identity_is_away_the_keys_that_are_known_stay_good_and_nobody_waits(identity: Identity) -> None:
    known = identity.published[0]
    assert identity.outcome(identity.token(known)) == "good"
    identity.keys_are_old()
    identity.answers.clear()
    identity.was_asked.clear()

    with ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(identity.outcome, identity.token(known))
        assert identity.was_asked.wait(30)
        assert [identity.outcome(identity.token(known)) for _ in range(5)] == ["good"] * 5
        assert not stuck.done()
        identity.answers.set()
        assert stuck.result() == "good"


def test_a_key_that_is_withdrawn_is_refused_once_the_keys_are_old(identity: Identity) -> None:
    (old,) = identity.published
    token = identity.token(old)
    assert identity.outcome(token) == "good"
    identity.published = []
    identity.new_key()
    identity.keys_are_old()

    assert identity.outcome(identity.token(old)) == "unauthenticated"
    assert identity.outcome(token) == "unauthenticated"
