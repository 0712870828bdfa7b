"""What is published about the code is true and keeps its promises: OpenAPI, events, problems."""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.config import SERVICES
from shared.contracts import FACTS, Fact, load_all
from shared.errors import Refusal
from tests.house.code import HERE, openapi
from tests.house.compatibility import openapi_breaks
from tests.house.export import EVENTS, OPENAPI, breaks, event_breaks, event_schemas, generated, refusals

PATHS = sorted(generated(), key=str)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.exists(), "run: python -m tests.house.export"
    assert path.read_text() == generated()[path], "run: python -m tests.house.export"


def test_nothing_published_is_left_that_no_code_makes() -> None:
    assert [path.name for folder in (OPENAPI, EVENTS) for path in folder.glob("*.json") if path not in generated()] == []


def test_no_published_promise_is_broken() -> None:
    assert breaks() == [], "add instead of changing"


@pytest.mark.parametrize("service", HERE)
def test_the_api_is_a_valid_openapi_document(service: str) -> None:
    document = openapi(service)

    assert document["openapi"].startswith("3.1")
    assert [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.parametrize("service", HERE)
def test_every_operation_says_what_it_does(service: str) -> None:
    silent = [
        f"{method} {path}"
        for path, operations in openapi(service)["paths"].items()
        for method, operation in operations.items()
        if method != "parameters" and not operation.get("summary")
    ]

    assert silent == []


@pytest.mark.parametrize("service", HERE)
def test_every_path_is_of_its_service_and_in_small_letters(service: str) -> None:
    odd = [path for path in openapi(service)["paths"] if not re.fullmatch(rf"/api/{service}(/([a-z0-9-]+|\{{[a-z_]+\}}))+", path)]

    assert odd == []


@pytest.mark.parametrize("type", sorted(load_all()))
def test_an_event_is_a_fact_in_the_past_of_a_service(type: str) -> None:
    service, noun, participle = type.split(".")

    assert service in SERVICES
    assert re.fullmatch(r"[a-z_]+", noun)
    assert participle.endswith(("ed", "ing")), "a closing is under way, all others are past"
    assert FACTS[type].__doc__ or service in ("billing", "payments", "banking")


@pytest.mark.parametrize("type", sorted(load_all()))
def test_amounts_of_an_event_are_whole_numbers_with_a_currency(type: str) -> None:
    fact = load_all()[type]
    amounts = {"amount", "total", "fee", "freight", "tax"}

    kinds = {field.name: field.type for field in msgspec.structs.fields(fact)}
    assert all(kinds[name] is int for name in amounts & set(kinds))
    assert "currency" in kinds or not amounts & set(kinds)
    assert float not in kinds.values()


def refusals_by_code() -> dict[str, list[type[Refusal]]]:
    found = defaultdict(list)
    for refusal in refusals():
        found[refusal.code].append(refusal)
    return dict(found)


@pytest.mark.parametrize("code", sorted(refusals_by_code()))
def test_a_code_means_one_thing(code: str) -> None:
    classes = refusals_by_code()[code]
    homes = [refusal.__module__.split(".")[:2] for refusal in classes]

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert len({refusal.status for refusal in classes}) == 1, "one code, one status"
    assert len(classes) == 1 or (
        "shared" not in {home[0] for home in homes} and len({home[1] for home in homes}) == len(homes)
    ), f"{[f'{refusal.__module__}.{refusal.__name__}' for refusal in classes]}: a code is one class of a service, or of shared"


@pytest.mark.parametrize("refusal", refusals(), ids=lambda refusal: refusal.code)
def test_a_refusal_says_in_a_sentence_what_is_wrong(refusal: type[Refusal]) -> None:
    assert refusal.__doc__
    assert "code" in vars(refusal), "a class of its own has a code of its own"
    assert refusal.title()[0].isupper() or refusal.title()[0] in "`<"
    assert refusal.title().endswith((".", "!", "?"))
    assert refusal.rule is None or re.fullmatch(r"BR-[A-Z]+-[A-Z]+\d+", refusal.rule)


class TestWhatBreaksAPromise:
    """The comparison bites."""

    before: dict[str, Any] = {
        "paths": {
            "/api/x/things": {
                "get": {
                    "parameters": [{"in": "query", "name": "sort", "schema": {"type": "string", "enum": ["name", "-name"]}}],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
                },
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "responses": {"201": {}},
                },
            }
        },
        "components": {
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
                }
            }
        },
    }

    @pytest.fixture
    def after(self) -> dict[str, Any]:
        return copy.deepcopy(self.before)

    def test_the_same_breaks_nothing(self, after: dict[str, Any]) -> None:
        assert openapi_breaks(self.before, after) == []

    def test_a_new_field_a_new_route_and_a_new_choice_break_nothing(self, after: dict[str, Any]) -> None:
        after["components"]["schemas"]["Thing"]["properties"]["note"] = {"type": "string"}
        after["paths"]["/api/x/others"] = after["paths"]["/api/x/things"]
        after["paths"]["/api/x/things"]["get"]["parameters"][0]["schema"]["enum"].append("date")

        assert openapi_breaks(self.before, after) == []

    def test_a_route_that_is_gone(self, after: dict[str, Any]) -> None:
        del after["paths"]["/api/x/things"]["get"]

        assert openapi_breaks(self.before, after) == ["GET /api/x/things is gone"]

    def test_a_field_that_is_gone(self, after: dict[str, Any]) -> None:
        del after["components"]["schemas"]["Thing"]["properties"]["lines"]

        assert openapi_breaks(self.before, after) == [
            "GET /api/x/things: answer 200: the field lines is gone",
            "POST /api/x/things: body: the field lines is gone",
        ]

    def test_a_field_of_another_type(self, after: dict[str, Any]) -> None:
        after["components"]["schemas"]["Thing"]["properties"]["lines"]["items"]["type"] = "string"

        assert openapi_breaks(self.before, after)[0] == (
            "GET /api/x/things: answer 200.lines[]: its type was integer, now it is string"
        )

    def test_a_field_that_is_demanded_now(self, after: dict[str, Any]) -> None:
        after["components"]["schemas"]["Thing"]["required"].append("lines")

        assert openapi_breaks(self.before, after) == ["POST /api/x/things: body: the field lines is demanded now"]

    def test_a_field_that_may_be_missing_now(self, after: dict[str, Any]) -> None:
        after["components"]["schemas"]["Thing"]["required"] = []

        assert openapi_breaks(self.before, after) == ["GET /api/x/things: answer 200: the field id may be missing now"]

    def test_a_parameter_or_choice_that_is_gone(self, after: dict[str, Any]) -> None:
        after["paths"]["/api/x/things"]["get"]["parameters"][0]["schema"]["enum"] = ["name"]
        assert openapi_breaks(self.before, after) == ["GET /api/x/things: parameter sort: the choice -name is gone"]

        after["paths"]["/api/x/things"]["get"]["parameters"] = []
        assert openapi_breaks(self.before, after) == ["GET /api/x/things: parameter sort is gone"]

    def test_an_answer_that_is_gone(self, after: dict[str, Any]) -> None:
        after["paths"]["/api/x/things"]["post"]["responses"] = {"202": {}}

        assert openapi_breaks(self.before, after) == ["POST /api/x/things: answer 201 is gone"]

    def test_another_permission(self, after: dict[str, Any]) -> None:
        after["paths"]["/api/x/things"]["get"]["x-permission"] = "x.thing.read"

        assert openapi_breaks(self.before, after) == ["GET /api/x/things needs another permission: x.thing.read"]

    def test_an_event_only_gets_fields_with_a_default(self) -> None:
        before = event_schemas()["billing.invoice.issued"]

        class More(FACTS["billing.invoice.issued"], kw_only=True):  # type: ignore[misc]
            note: str = ""

        class Demanding(FACTS["billing.invoice.issued"], kw_only=True):  # type: ignore[misc]
            note: str

        def schema(fact: type[Fact]) -> dict[str, Any]:
            (_,), components = msgspec.json.schema_components([fact], ref_template="#/$defs/{name}")
            return {**components[fact.__name__], "$id": before["$id"], "$defs": components}

        assert event_breaks(before, schema(More)) == []
        assert event_breaks(before, schema(Demanding)) == ["billing.invoice.issued: the field note is demanded now"]
        assert event_breaks(schema(More), before) == ["billing.invoice.issued: the field note is gone"]
