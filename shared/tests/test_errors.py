"""Refusals and faults: every fault of an input at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import Fault, Faults, FaultsFound, Invalid, Refusal
from shared.http.problems import faults_of_messages


class PriceMissing(Invalid):
    """A price is needed.

    This paragraph is for programmers.
    """

    code = "price-missing"
    rule = "BR-AR-X1"


def test_the_first_paragraph_is_the_sentence_for_a_person() -> None:
    assert PriceMissing.title() == "A price is needed."
    assert PriceMissing().detail == "A price is needed."
    assert PriceMissing("no price on line 3").detail == "no price on line 3"


def test_every_fault_is_refused_at_once_in_the_order_found() -> None:
    def check() -> None:
        with Faults() as faults:
            faults.add("/lines/0/price", PriceMissing(line=1))
            faults.add("/due_on", "must not be before the invoice")

    with pytest.raises(FaultsFound) as refused:
        check()

    assert refused.value.errors == [
        Fault("/lines/0/price", "A price is needed.", "price-missing", "BR-AR-X1", {"line": 1}),
        Fault("/due_on", "must not be before the invoice"),
    ]


def test_where_nothing_was_found_nothing_is_refused() -> None:
    with Faults() as faults:
        assert not faults


def test_a_defect_inside_the_check_is_not_hidden_by_faults() -> None:
    def check() -> None:
        with Faults() as faults:
            faults.add("/x", "wrong")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        check()


def test_a_refusal_carries_its_facts() -> None:
    refusal = PriceMissing(line=3, currency="USD")

    assert refusal.facts == {"line": 3, "currency": "USD"}
    assert isinstance(refusal, Refusal)


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ({"name": ["wrong"]}, [("/name", "wrong")]),
        ({"lines": {0: {"amount": ["a", "b"]}}}, [("/lines/0/amount", "a"), ("/lines/0/amount", "b")]),
        ({"_schema": ["either or"]}, [("", "either or")]),
        ({"lines": {1: {"_schema": ["both"]}}}, [("/lines/1", "both")]),
        ({"a/b": ["x"], "c~d": ["y"]}, [("/a~1b", "x"), ("/c~0d", "y")]),
    ],
)
def test_messages_of_schemas_become_json_pointers(messages: Any, found: list[tuple[str, str]]) -> None:
    assert [(fault.pointer, fault.detail) for fault in faults_of_messages(messages)] == found
