"""Routes of people."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.identity.people import domain, store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Id, In, Out, Text

routes = Routes("identity_people", __name__, description="People who sign in")


def email_field(**options: Any) -> Text:
    return Text(domain.LONGEST_EMAIL, empty=False, metadata={"format": "email"}, **options)


def password_field(**options: Any) -> fields.String:
    """Taken as it is typed, blanks at its ends included."""
    return fields.String(metadata={"format": "password", "maxLength": domain.LONGEST_PASSWORD}, **options)


class PersonIn(In):
    id = Id("usr", metadata={"description": "made by the client, so that a retry finds the same person"})
    email = email_field(required=True)
    name = Text(200, required=True, empty=False)
    role = Text(40, required=True, empty=False)
    password = password_field(required=True)


class PersonChange(In):
    name = Text(200, empty=False)
    role = Text(40, empty=False)
    active = fields.Boolean()
    password = password_field()


class OwnPasswordIn(In):
    present_password = password_field(required=True)
    new_password = password_field(required=True)


class PersonOut(Out):
    id = fields.String(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    active = fields.Boolean(required=True)
    created_at = fields.DateTime(required=True)


class PeopleQuery(ListQuery):
    role = Text(40)
    active = fields.Boolean()
    sort = sort_field("name", "email", "created_at", default="name")


@routes.post("/people", permission="identity.person.create")
@routes.arguments(PersonIn)
@routes.response(201, PersonOut)
def create_person(body: dict[str, Any]) -> store.Person:
    """Let somebody sign in to your company"""
    return usecases.create_person(ctx(), **body)


@routes.get("/people", permission="identity.person.read")
@routes.arguments(PeopleQuery, location="query")
@routes.response(200, page_of(PersonOut))
def people(query: dict[str, Any]) -> dict[str, Any]:
    """Who signs in to your company"""
    return store.listing.page(ctx().session, store.people(ctx().company_id), query)


@routes.get("/people/<id>", permission="identity.person.read")
@routes.response(200, PersonOut)
def person(id: str) -> store.Person:
    """One person"""
    return usecases.person_of(ctx(), id)


@routes.patch("/people/<id>", permission="identity.person.change")
@routes.arguments(PersonChange)
@routes.response(200, PersonOut)
def change_person(body: dict[str, Any], id: str) -> store.Person:
    """Change somebody's name, role, activity or password; all but the name end the tokens they hold"""
    return usecases.change_person(ctx(), id, **body)


@routes.post("/own-password", permission="identity.own_password.change")
@routes.arguments(OwnPasswordIn)
@routes.response(204)
def change_own_password(body: dict[str, Any]) -> None:
    """Change your own password, and sign in again"""
    usecases.change_own_password(ctx(), body["present_password"], body["new_password"])
