"""Facts on their way: encoded, decoded, of a known type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clock import Clock
from shared.context import Context
from shared.contracts import FACTS, Envelope, Fact, decode, encode, fact, load_all
from shared.contracts.identity import CompanyCreated, PrincipalChanged
from shared.contracts.ledger import AccountCreated

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)


def context() -> Context:
    return Context(None, Clock(), "identity", 7, "usr_x", "req_x")  # type: ignore[arg-type]


def travelled(body: str) -> Envelope:
    """As it comes out of the log: with number and time."""
    return msgspec.json.decode('{"sequence":3,"time":"2026-01-15T12:00:00.123456+00:00",' + body[1:], type=Envelope)


@unhurried
@given(st.text(), st.text())
def test_a_fact_arrives_as_it_was_stated(name: str, subject: str) -> None:
    ctx = context()
    stated = CompanyCreated(name=name, time_zone="UTC", currency="USD")

    event_id = ctx.state(stated, subject)
    event = decode(travelled(ctx.stated[0].body))

    assert event.data == stated
    assert (event.id, event.type, event.subject, event.company_id) == (event_id, "identity.company.created", subject, 7)
    assert (event.actor, event.correlation_id, event.origin, event.source) == ("usr_x", "req_x", "live", "identity")
    assert (event.sequence, event.recorded_at) == (3, NOW)


def test_instants_keep_their_microseconds() -> None:
    ctx = context()
    ctx.state(PrincipalChanged(principal="usr_x", valid_after=NOW), "usr_x")

    assert decode(travelled(ctx.stated[0].body)).data.valid_after == NOW


def test_the_envelope_has_the_names_of_cloudevents() -> None:
    ctx = context()
    ctx.state(CompanyCreated(name="x", time_zone="UTC", currency="USD"), "cmp_7")

    assert set(msgspec.json.decode(ctx.stated[0].body)) == {
        "specversion", "id", "source", "type", "subject", "companyid", "actor", "correlationid", "origin", "data",
    }  # fmt: skip


def test_a_service_states_its_own_facts_alone() -> None:
    with pytest.raises(AssertionError, match="identity cannot state ledger"):
        context().state(AccountCreated(code="1000", name="Cash", kind="asset", control=None, active=True), "acc_1000")


def test_facts_keep_the_origin_of_what_they_follow() -> None:
    ctx = replace(context(), origin="import")
    ctx.state(CompanyCreated(name="x", time_zone="UTC", currency="USD"), "cmp_7")
    event = decode(travelled(ctx.stated[0].body))

    following = replace(context(), service="ledger", company_id=0).reacting_to(event)

    assert (following.origin, following.company_id, following.correlation_id) == ("import", 7, "req_x")
    assert following.actor == "service:ledger"


def test_a_reader_passes_over_fields_that_it_does_not_know() -> None:
    body = encode({"name": "x", "time_zone": "UTC", "currency": "USD", "added_later": 1})

    assert decode(_envelope(body)).data.name == "x"


@pytest.mark.parametrize(
    "data",
    [{}, {"name": 7, "time_zone": "UTC", "currency": "USD"}, {"name": "x", "time_zone": "UTC"}, [], "x"],
    ids=repr,
)
def test_data_that_do_not_fit_the_fact_are_refused(data: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(_envelope(encode(data)))


def test_an_amount_with_decimals_is_no_amount() -> None:
    load_all()

    @fact("identity.test.made")
    class Made(Fact, kw_only=True):
        """Only here."""

        amount: int

    try:
        for amount in ("12.5", '"12"', "true"):
            with pytest.raises(msgspec.ValidationError):
                decode(_envelope(f'{{"amount":{amount}}}'.encode(), "identity.test.made"))
    finally:
        del FACTS["identity.test.made"]


def _envelope(data: bytes, type: str = "identity.company.created") -> Envelope:
    return Envelope(
        id="evt_1",
        source="identity",
        type=type,
        subject="x",
        company_id=7,
        actor="usr_x",
        correlation_id="req_x",
        origin="live",
        data=msgspec.Raw(data),
        sequence=1,
        time=NOW,
    )
