"""What the reference reads out of an OpenAPI document."""

from __future__ import annotations

from typing import Any

from console.reference import Field, Operation, read_reference

MONEY = {"type": "object", "properties": {"amount": {"type": "integer"}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}}


def document(schema: dict[str, Any] | None = None, **operation: Any) -> dict[str, Any]:
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}} if schema else {}
    route = {"summary": "Issue", "tags": ["billing_invoices"], **body, **operation}
    return {
        "info": {"title": "Duebook billing", "version": "v1", "description": "Invoices."},
        "paths": {"/api/billing/invoices/{id}": {"post": route}},
        "components": {"schemas": {"Money": MONEY}},
    }


def only(spec: dict[str, Any]) -> Operation:
    (operation,) = read_reference("billing", spec).operations
    return operation


def only_field(value: dict[str, Any]) -> Field:
    (found,) = only(document({"type": "object", "properties": {"value": value}})).body
    return found


def test_a_route_has_a_stable_anchor_and_its_noun_as_group() -> None:
    reference = read_reference("billing", document())

    assert [(group.anchor, group.name) for group in reference.groups] == [("invoices", "Invoices")]
    assert reference.operations[0].anchor == "post-invoices-id"


def test_the_permission_is_shown_and_a_route_without_one_is_for_anybody() -> None:
    assert only(document(None, **{"x-permission": "billing.invoice.issue"})).permission == "billing.invoice.issue"
    assert only(document()).permission is None


def test_the_trails_that_all_services_share_come_last() -> None:
    spec = document()
    spec["paths"] = {"/api/billing/status": {"get": {"summary": "How far", "tags": ["billing_common"]}}, **spec["paths"]}

    assert [group.name for group in read_reference("billing", spec).groups] == ["Invoices", "Status and trails"]


def test_types_are_put_into_words() -> None:
    words: dict[str, dict[str, Any]] = {
        "text": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "instant or null": {"type": ["string", "null"], "format": "date-time"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "id (inv_…)": {"type": "string", "pattern": "^inv_[0-9a-hjkmnp-tv-z]{26}$"},
        "money": {"$ref": "#/components/schemas/Money"},
        "money or null": {"anyOf": [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]},
        "list of texts": {"type": "array", "items": {"type": "string"}},
        "list of money": {"type": "array", "items": {"$ref": "#/components/schemas/Money"}},
        "true or false": {"type": "boolean"},
        "any value": {},
    }

    assert {only_field(value).type for value in words.values()} == set(words)


def test_limits_are_put_into_words() -> None:
    assert only_field({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}).limits == ("1 to 200", "50 if not given")
    assert only_field({"type": "string", "maxLength": 1000}).limits == ("at most 1,000 characters",)
    assert only_field({"type": "array", "items": {}, "minItems": 1}).limits == ("at least 1 entries",)
    assert only_field({"type": "string", "enum": ["due", "invoice", None]}).limits == ("one of due, invoice",)
    assert only_field({"type": "boolean", "default": False}).limits == ("false if not given",)


def test_fields_within_fields_follow_their_own_and_money_stays_one_field() -> None:
    line = {"type": "object", "required": ["amount"], "properties": {"amount": {"$ref": "#/components/schemas/Money"}}}

    found = only(document({"type": "object", "properties": {"lines": {"type": "array", "items": line}}})).body

    assert [(field.name, field.depth, field.required) for field in found] == [("lines", 0, False), ("amount", 1, True)]


def test_a_schema_that_contains_itself_ends() -> None:
    spec = document({"$ref": "#/components/schemas/Node"})
    spec["components"]["schemas"]["Node"] = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Node"}}}

    assert [field.depth for field in only(spec).body] == [0, 1, 2, 3, 4, 5]


def test_a_parameter_is_left_out_and_never_null() -> None:
    operation = only(document(parameters=[{"in": "query", "name": "q", "schema": {"type": ["string", "null"]}}]))

    assert (operation.parameters[0].place, operation.parameters[0].field.type) == ("query", "text")


def test_only_answers_that_mean_yes_are_listed_and_the_problems_stand_apart() -> None:
    spec = document(responses={"201": {"description": "Created"}, "default": {"$ref": "#/components/responses/DEFAULT_ERROR"}})
    spec["x-problems"] = [{"code": "period-closed", "status": 422, "title": "The period is closed.", "rule": "BR-GL-1"}]

    reference = read_reference("billing", spec)

    assert [answer.status for answer in reference.operations[0].answers] == ["201"]
    assert [(problem.code, problem.rule) for problem in reference.problems] == [("period-closed", "BR-GL-1")]
