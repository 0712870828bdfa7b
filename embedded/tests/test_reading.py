"""A CSV and its mapping are checked whole before anything is imported."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from embedded.importing.mapping import Mapping, MappingWrong, read_mapping
from embedded.importing.reading import FileUnreadable, read_rows
from shared.testing import usd

MAPPING = """
source = "old"
currency = "USD"
date_format = "%m/%d/%Y"
[columns]
customer_code = "Customer"
invoice_number = "Number"
issued_on = "Issued"
due_on = "Due"
amount = "Amount"
received_on = "Settled"
"""
HEADER = "Customer,Number,Issued,Due,Amount,Settled\n"


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    (tmp_path / "m.toml").write_text(MAPPING)
    return read_mapping(tmp_path / "m.toml")


def read(tmp_path: Path, mapping: Mapping, text: str) -> tuple[list, list[str]]:  # type: ignore[type-arg]
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    rows, bad = read_rows(tmp_path / "f.csv", mapping)
    return rows, [str(cell) for cell in bad]


def test_a_row_is_read_exactly_and_keeps_the_zeros_of_its_number(tmp_path: Path, mapping: Mapping) -> None:
    rows, bad = read(tmp_path, mapping, HEADER + "A1,0000611365,1/2/2013,2/1/2013,51.6,1/15/2013\n")

    assert not bad
    row = rows[0]
    assert (row.number, row.customer_code, row.customer_name) == ("0000611365", "A1", "A1")
    assert (row.issued_on, row.due_on, row.received_on) == (date(2013, 1, 2), date(2013, 2, 1), date(2013, 1, 15))
    assert row.amount == row.received == usd("51.60")


def test_an_empty_settled_date_is_an_invoice_that_is_not_paid(tmp_path: Path, mapping: Mapping) -> None:
    rows, _ = read(tmp_path, mapping, HEADER + "A1,7,1/2/2013,2/1/2013,94,\n")

    assert rows[0].received_on is None
    assert rows[0].received is None


def test_every_fault_of_every_row_is_reported_with_its_line_and_column(tmp_path: Path, mapping: Mapping) -> None:
    text = (
        HEADER
        + "A1,7,1/2/2013,2/1/2013,94,\n"
        + ",8,13/2/2013,2/1/2013,9.999,\n"
        + "A1,7,1/2/2013,2/1/2013,1,\n"
        + "A1,9,1/2/2013,1/1/2013,-5,1/1/2013\n"
    )

    rows, bad = read(tmp_path, mapping, text)

    assert [row.number for row in rows] == ["7"]
    assert bad == [
        "row 3, Customer: is empty",
        "row 3, Issued: '13/2/2013' is not a date like %m/%d/%Y",
        "row 3, Amount: '9.999' is not an amount of USD",
        "row 4, Number: '7' is the number of row 2 too",
        "row 5, Amount: '-5' is not above zero",
        "row 5, Due: 2013-01-01 is before the invoice's date 2013-01-02",
        "row 5, Settled: 2013-01-01 is before the invoice's date 2013-01-02",
    ]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "", "12,50", "0x10"])
def test_what_is_no_amount_is_refused(tmp_path: Path, mapping: Mapping, amount: str) -> None:
    rows, bad = read(tmp_path, mapping, HEADER + f'A1,7,1/2/2013,2/1/2013,"{amount}",\n')

    assert not rows
    assert len(bad) == 1


def test_a_missing_column_is_named_with_those_that_there_are(tmp_path: Path, mapping: Mapping) -> None:
    with pytest.raises(FileUnreadable, match="no column Due, Settled; its columns are: Customer, Number"):
        read(tmp_path, mapping, "Customer,Number,Issued,Amount\n")


def test_a_missing_file_and_a_wrong_encoding_are_one_clear_line(tmp_path: Path, mapping: Mapping) -> None:
    with pytest.raises(FileUnreadable, match="No such file"):
        read_rows(tmp_path / "none.csv", mapping)
    (tmp_path / "l.csv").write_bytes(HEADER.encode() + b"\xff\xfe,7,1/2/2013,2/1/2013,94,\n")
    with pytest.raises(FileUnreadable, match="utf-8"):
        read_rows(tmp_path / "l.csv", mapping)


def test_all_faults_of_a_mapping_are_listed(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('currency = "XXQ"\nspeed = 3\n[columns]\namount = "A"\ncolour = "C"\n')

    with pytest.raises(MappingWrong) as wrong:
        read_mapping(tmp_path / "m.toml")

    text = "\n".join(wrong.value.faults)
    for expected in (
        "source is missing",
        "XXQ",
        "speed is not a setting",
        "colour is not known",
        "lacks invoice_number",
        "lacks due_on",
    ):
        assert expected in text


def test_a_file_that_is_no_toml_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("a = = b")

    with pytest.raises(MappingWrong, match="not TOML"):
        read_mapping(tmp_path / "m.toml")
