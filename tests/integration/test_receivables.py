"""A real data set through `duebook import`: every figure that its publisher's rows must give, to the cent.

The rows are not part of this project; where they are absent these tests skip by name.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shared.money import Money
from tests.integration.embedded import ROOT, Home

DATA = Path(os.environ.get("DUEBOOK_TEST_DATA", ROOT.parent / "shared" / "data")) / "ar-ibm"
FILE = DATA / "receivables-60-customers.csv"
MAPPING = ROOT / "docs" / "examples" / "receivables-mapping.toml"
DATES = ("2012-06-30", "2012-12-31", "2013-06-30", "2013-12-31")

pytestmark = [
    pytest.mark.skipif(not FILE.exists(), reason=f"the sample {FILE.name} is not here (DUEBOOK_TEST_DATA names its folder)"),
    pytest.mark.timeout(300),
]


def cents(text: str) -> int:
    return Money.parse(text, "USD").minor


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return json.loads((DATA / "expected" / "facts.json").read_text())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A fresh installation with the whole sample imported, twice."""
    made = Home(tmp_path_factory.mktemp("receivables"))
    made.start("--no-demo")
    try:
        first = made.run("import", "receivables", str(FILE), "--mapping", str(MAPPING))
        assert first.returncode == 0, first.stderr
        assert "invoices   1453 added, 0 known already" in first.stdout
        assert "receipts   1453 added, 0 known already" in first.stdout
        assert "deposits   619 added, 0 known already" in first.stdout
        second = made.run("import", "receivables", str(FILE), "--mapping", str(MAPPING))
        assert second.returncode == 0, second.stderr
        assert [line.split()[1] for line in second.stdout.splitlines() if "added" in line] == ["0", "0", "0"]
        yield made
    finally:
        assert made.stop() == 0


@pytest.mark.parametrize("day", DATES)
def test_open_balance_and_aging_at_the_end_of_the_day(home: Home, facts: dict[str, Any], day: str) -> None:
    assert_aging(home.get("/api/billing/aging", as_of=day), facts["as_of"][day])


def assert_aging(answer: Any, expected: dict[str, Any]) -> None:
    total = answer["totals"][0]
    assert total["balance"] == {"amount": cents(expected["open_balance"]), "currency": "USD"}
    assert total["invoices"] == expected["open_invoices"]
    assert total["customers"] == expected["customers_with_balance"]
    shown = {bucket["bucket"]: (bucket["amount"]["amount"], bucket["invoices"]) for bucket in total["buckets"]}
    assert shown == {name: (cents(b["balance"]), b["invoices"]) for name, b in expected["buckets"].items()}


@pytest.mark.parametrize("day", DATES)
def test_the_trial_balance_shows_what_is_owed_and_what_was_received(home: Home, facts: dict[str, Any], day: str) -> None:
    books = home.get("/api/ledger/trial-balance", as_of=day)
    balances = {item["code"]: item["balance"]["amount"] for item in books["items"]}

    assert balances["1100"] == cents(facts["as_of"][day]["open_balance"])
    assert balances["1010"] + balances.get("1050", 0) == cents(facts["as_of"][day]["received_to_date"])
    assert balances["4000"] == cents(facts["as_of"][day]["billed_to_date"])
    assert books["totals"][0]["debits"] == books["totals"][0]["credits"]
    assert books["totals"][0]["debit_balances"] == books["totals"][0]["credit_balances"]


def test_every_month_rolls_forward_to_the_next(home: Home) -> None:
    with (DATA / "expected" / "rollforward.csv").open() as opened:
        expected = list(csv.DictReader(opened))

    months = home.get("/api/billing/roll-forward", **{"from": "2012-01", "to": "2014-01"})["months"]

    assert [
        (
            m["month"],
            m["opening"]["amount"],
            m["invoices"],
            m["billed"]["amount"],
            m["applications"],
            m["received"]["amount"],
            m["other"]["amount"],
            m["closing"]["amount"],
        )
        for m in months
    ] == [
        (
            e["month"],
            cents(e["opening_receivables"]),
            int(e["invoices"]),
            cents(e["billed"]),
            int(e["receipts"]),
            cents(e["received"]),
            0,
            cents(e["closing_receivables"]),
        )
        for e in expected
    ]


def test_every_customer_has_its_figures(home: Home) -> None:
    with (DATA / "expected" / "customers.csv").open() as opened:
        expected = {row["customer"]: row for row in csv.DictReader(opened)}
    invoices: dict[str, list[Any]] = {}
    for item in home.pages("/api/billing/invoices", state="issued"):
        invoices.setdefault(item["customer_code"], []).append(item)
    open_at = {
        day: {
            item["customer_code"]: item["balance"]["amount"]
            for item in home.pages("/api/billing/aging", as_of=day, by="customer")
        }
        for day in DATES
    }
    settled = settled_days(home)

    assert invoices.keys() == expected.keys()
    for code, row in expected.items():
        mine = invoices[code]
        assert len(mine) == int(row["invoices"])
        assert sum(item["total"]["amount"] for item in mine) == cents(row["billed"])
        late = [max(0, (settled[item["id"]] - date.fromisoformat(item["due_on"])).days) for item in mine]
        assert (len([days for days in late if days]), sum(late)) == (int(row["late_invoices"]), int(row["total_days_late"]))
        to_settle = [(settled[item["id"]] - date.fromisoformat(item["issued_on"])).days for item in mine]
        assert hundredths(sum(to_settle), len(mine)) == row["average_days_to_settle"]
        for day in DATES:
            assert open_at[day].get(code, 0) == cents(row[f"open_{day}"])


def settled_days(home: Home) -> dict[str, date]:
    """Since when nothing is owed on each invoice: the date of the receipt that brought it to zero."""
    days = {}
    for receipt in home.pages("/api/billing/customers"):
        cursor = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = home.get(f"/api/billing/customers/{receipt['id']}/ledger", as_of="2014-12-31", limit=200, **more)
            for posting in page["items"]:
                if posting["amount"]["amount"] < 0:
                    days[posting["invoice_id"]] = date.fromisoformat(posting["posting_on"])
            cursor = page["next_cursor"]
            if not cursor:
                break
    return days


def hundredths(total: int, count: int) -> str:
    """An average to two places, half up."""
    rounded = (total * 200 + count) // (2 * count)
    return f"{rounded // 100}.{rounded % 100:02}"


def test_every_day_has_its_deposit(home: Home, facts: dict[str, Any]) -> None:
    with (DATA / "expected" / "deposits.csv").open() as opened:
        expected = [(row["day"], int(row["receipts"]), cents(row["amount"])) for row in csv.DictReader(opened)]

    deposits = home.pages("/api/banking/deposits", sort="posting_on")

    assert [(item["posting_on"], item["item_count"], item["total"]["amount"]) for item in deposits] == expected
    largest = max(deposits, key=lambda item: item["total"]["amount"])
    assert largest["posting_on"] == facts["receipts"]["largest_deposit"]["day"]


def test_nothing_is_doubled_and_every_fact_is_marked_as_imported(home: Home) -> None:
    numbers = Counter(item["number"] for item in home.pages("/api/billing/invoices"))
    assert len(numbers) == 1453
    assert max(numbers.values()) == 1
    assert "0000611365" in numbers
    invoice = home.get("/api/billing/invoices", number="0000611365")["items"][0]
    events = home.get("/api/billing/events", subject=invoice["id"])["items"]
    assert [(event["type"], event["origin"]) for event in events] == [("billing.invoice.issued", "import")]


def test_the_proof_holds_and_the_chain_is_whole(home: Home) -> None:
    proof = home.run("proof", "--company", "1")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert proof.stdout.count("green") == 5
    verified = home.run("verify", "--company", "1")
    assert verified.returncode == 0
    assert "3525 entries, the chain is whole" in verified.stdout


def test_receipts_left_out_after_a_date_fill_the_old_buckets(home: Home, facts: dict[str, Any]) -> None:
    assert home.run("company", "create", "Frozen").returncode == 0
    options = ["--mapping", str(MAPPING), "--receipts-until", "2013-03-31", "--company", "Frozen"]
    done = home.run("import", "receivables", str(FILE), *options)
    assert done.returncode == 0, done.stderr

    answer = home.get("/api/billing/aging", company="Frozen", as_of="2013-06-30")

    assert_aging(answer, facts["receipts_known_only_to_2013-03-31_aged_at_2013-06-30"])
    assert home.run("proof", "--company", "Frozen").returncode == 0


def test_an_import_that_is_killed_and_an_installation_that_is_killed_lose_nothing_and_double_nothing(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    home = Home(tmp_path)
    home.start("--no-demo")
    try:
        command = home.command("import", "receivables", str(FILE), "--mapping", str(MAPPING))
        for wait_for in ("invoices   1000", "receipts   500", "deposits   200"):
            running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            assert running.stdout is not None
            for line in running.stdout:
                if line.startswith(wait_for):
                    break
            if wait_for.startswith("receipts"):
                assert home.up is not None
                os.killpg(home.up.pid, signal.SIGKILL)
                home.stop()
            running.send_signal(signal.SIGKILL)
            running.wait()
            running.stdout.close()
            if home.up is None:
                home.start("--no-demo")
        done = home.run("import", "receivables", str(FILE), "--mapping", str(MAPPING))
        assert done.returncode == 0, done.stderr
        for day in DATES:
            assert_aging(home.get("/api/billing/aging", as_of=day), facts["as_of"][day])
        assert len(home.pages("/api/banking/deposits")) == 619
        assert home.run("proof").returncode == 0
        assert home.run("verify").returncode == 0
    finally:
        home.stop()
