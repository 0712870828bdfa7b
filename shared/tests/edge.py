"""A service of a few routes over a real database, to test the edge that all services share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
from flask import Flask
from marshmallow import fields

from services.identity.companies.usecases import create_company
from services.identity.handlers import handlers
from shared.context import Context
from shared.contracts.identity import PrincipalChanged
from shared.errors import Faults, Invalid
from shared.http.app import make_app
from shared.http.edge import Routes, ctx
from shared.http.schemas import Day, In, MoneyField, Out, Text, lines
from shared.ids import new_id
from shared.service import Service
from tests.product import Company, House


class ThingRefused(Invalid):
    """The thing is refused after it was written."""

    code = "thing-refused"


class LineIn(In):
    text = Text(10, required=True, empty=False)


class ThingIn(In):
    name = Text(20, required=True, empty=False)
    amount = MoneyField(positive=True)
    due_on = Day()
    lines = lines(LineIn, longest=3)


class ThingOut(Out):
    name = fields.String(required=True)
    number = fields.Integer(required=True)
    amount = MoneyField(allow_none=True)
    company_id = fields.Integer(required=True)
    actor = fields.String(required=True)


AT_COMMIT = {
    "refused": "create temporary table twice (id int unique deferrable initially deferred); insert into twice values (1), (1)",
    "slow": """
        create temporary table slow (id int) on commit drop;
        create function pg_temp.doze() returns trigger language plpgsql as 'begin perform pg_sleep(1); return null; end';
        create constraint trigger doze after insert on slow deferrable initially deferred
            for each row execute function pg_temp.doze();
        insert into slow values (1)""",
}
"""What the server does when it is asked to commit."""


@dataclass
class Edge:
    """The service under test. `hold` lets `/held-things` wait inside its transaction; `failures` lets `/shaky-things` fail, with
    an error of that code or as AT_COMMIT says; so many sessions as `sessions_to_end` end before a thing is answered."""

    app: Flask
    house: House
    hold: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)
    sessions_to_end: int = 0

    def call(
        self,
        company: Company,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """A request by the one who speaks for the company; writes get a key of their own unless `key` is given ("" for none)."""
        sent = {"Authorization": f"Bearer {company.token()}", **(headers or {})}
        if method != "GET" and key != "":
            sent["Idempotency-Key"] = key or new_id("idk")
        with httpx.Client(
            transport=httpx.WSGITransport(app=self.app, raise_app_exceptions=False), base_url="http://edge"
        ) as client:
            return client.request(method, path, headers=sent, **options)

    def rows(self, company: Company, name: str) -> int:
        """How often the thing was written: the number that its row counts."""
        with self.house.owner("identity") as owner:
            found = owner.execute(
                "select last_number from app.document_series where company_id = %s and series = %s", (company.id, name)
            ).fetchone()
        return found[0] if found else 0

    def events(self, company: Company) -> int:
        """Events of this company's things."""
        with self.house.owner("identity") as owner:
            (counted,) = owner.execute(
                "select count(*) from log.event where company_id = %s and subject = 'thing'", (company.id,)
            ).fetchone()
        return counted


def new_company(house: House) -> Company:
    """A company that identity alone knows yet."""
    with house.databases["identity"].api.begin() as session:
        ctx = Context(session, house.clock, "identity", 0, "test", "test")
        company_id = create_company(ctx, "Greenfield Supply", "UTC", "USD")
        ctx.write_stated()
    house.pump(["identity"])
    return Company(house, company_id, "USD")


def add_thing(name: str, **body: Any) -> dict[str, Any]:
    number = (
        ctx()
        .session.exec_driver_sql(
            "insert into app.document_series (company_id, series, last_number) values (%s, %s, 1) "
            "on conflict (company_id, series) do update set last_number = document_series.last_number + 1 returning last_number",
            (ctx().company_id, name),
        )
        .scalar_one()
    )
    ctx().state(PrincipalChanged(principal="usr_thing", valid_after=datetime(2026, 1, 1, tzinfo=UTC)), "thing")
    return {"name": name, "number": number, "amount": body.get("amount"), "company_id": ctx().company_id, "actor": ctx().actor}


@contextmanager
def edge_of(house: House, **changed: Any) -> Iterator[Edge]:
    routes = Routes("edge_things", __name__)

    def end_session(made: dict[str, Any]) -> dict[str, Any]:
        if edge.sessions_to_end:
            edge.sessions_to_end -= 1
            ctx().session.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")
        return made

    @routes.post("/things", permission="identity.thing.post", money=True)
    @routes.arguments(ThingIn)
    @routes.response(201, ThingOut)
    def post_thing(body: dict[str, Any]) -> dict[str, Any]:
        """Write a thing"""
        return end_session(add_thing(**body))

    @routes.post("/unkeyed-things", permission="identity.thing.post")
    @routes.arguments(ThingIn)
    @routes.response(201, ThingOut)
    def post_unkeyed_thing(body: dict[str, Any]) -> dict[str, Any]:
        """Write a thing without a key"""
        return end_session(add_thing(**body))

    @routes.get("/things/<name>", permission="identity.thing.read")
    @routes.response(200, ThingOut)
    def thing(name: str) -> dict[str, Any]:
        """Read a thing"""
        return {"name": name, "number": 0, "company_id": ctx().company_id, "actor": ctx().actor}

    @routes.post("/held-things", permission="identity.thing.post", money=True)
    @routes.arguments(ThingIn)
    @routes.response(201, ThingOut)
    def post_held_thing(body: dict[str, Any]) -> dict[str, Any]:
        """Write a thing and wait"""
        made = add_thing(**body)
        edge.arrived.set()
        edge.hold.wait(10)
        return made

    @routes.post("/refused-things", permission="identity.thing.post", money=True)
    @routes.arguments(ThingIn)
    @routes.response(201, ThingOut)
    def post_refused_thing(body: dict[str, Any]) -> dict[str, Any]:
        """Write a thing and refuse it"""
        add_thing(**body)
        with Faults() as faults:
            faults.add("/name", ThingRefused(name=body["name"]))
        raise AssertionError("refused above")

    @routes.post("/shaky-things", permission="identity.thing.post", money=True)
    @routes.arguments(ThingIn)
    @routes.response(201, ThingOut)
    def post_shaky_thing(body: dict[str, Any]) -> dict[str, Any]:
        """Write a thing where the database has its troubles"""
        made = add_thing(**body)
        if edge.failures:
            failure = edge.failures.pop()
            if failure in AT_COMMIT:
                ctx().session.exec_driver_sql(AT_COMMIT[failure])
                return made
            ctx().session.exec_driver_sql(f"do $$ begin raise exception 'inside' using errcode = '{failure}'; end $$")
        return made

    @routes.get("/broken", permission="identity.thing.read")
    def broken() -> None:
        """Fail"""
        raise RuntimeError("the secret is hunter-7")

    service = Service(name="identity", follows=("identity",), handlers=handlers, routes=(routes,))
    settings = replace(house.assembly.settings("identity"), **changed)
    app = make_app(service, settings, house.assembly.peers("identity"))
    edge = Edge(app, house)
    yield edge
    edge.hold.set()
    state = app.extensions["duebook"]
    state.waker.close()
    state.database.close()
    state.peers.close()
