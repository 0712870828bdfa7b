"""The ledger's worker over pages of 500 invoices, beside plain arrays into plain tables in batches of 500.

    python -m bench.ledger_worker

Pages off the queue, position, rules, hash chain, postings under row-level security with every trigger, balances, commit,
acknowledgement. The limit writes the same entries, postings and aggregated balances, without any guard and without a broker.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime

import msgspec
import psycopg

from bench.measure import Comparison, interleaved, table
from bench.stand import Stand, stand
from shared.contracts import Envelope, Page, encode
from shared.contracts.billing import InvoiceIssued, InvoiceLine
from shared.ids import new_id
from shared.log import pages
from shared.log.bus import Bus, PagePublisher, PageReceiver
from shared.log.consumer import Taken
from tests.infrastructure import delete_from_broker

PAGE = 500
LIMIT = "plain arrays in batches of 500"
SERVICES = ("identity", "ledger")

PLAIN = """
create table plain_entry (id bigint primary key, event_id text not null unique, customer_id text, effective_on date not null,
    kind text not null, document text);
create index on plain_entry (customer_id);
create table plain_posting (entry_id bigint not null, line smallint not null, account text not null, amount bigint not null,
    effective_on date not null, primary key (entry_id, line));
create table plain_balance (account text not null, on_day date not null, debit bigint not null, credit bigint not null,
    primary key (account, on_day));
"""


class Producer:
    """Billing's log as far as the ledger sees it: pages that follow each other."""

    def __init__(self, producer: str, companies: list[int]):
        self.producer, self.companies = producer, companies
        self.epoch = "6f1c6c6e-0000-4000-8000-000000000000"
        self.sequence, self.last_id, self.numbered_at = 0, "", datetime.now(UTC)
        self.random = random.Random(7)

    def page(self) -> bytes:
        """A full page, whose events were numbered at once, as those of a full page are."""
        before, before_id = self.sequence, self.last_id
        self.numbered_at = datetime.now(UTC)
        return encode(
            Page(
                producer=self.producer,
                epoch=self.epoch,
                previous=before,
                previous_id=before_id,
                events=[self.event() for _ in range(PAGE)],
            )
        )

    def event(self) -> Envelope:
        """The next invoice, of one or two lines in turn."""
        self.sequence += 1
        self.last_id = new_id("evt")
        lines = [
            InvoiceLine(line=n + 1, description="work", amount=self.random.randint(100, 9900))
            for n in range(1 + self.sequence % 2)
        ]
        tax = 7 if self.sequence % 2 else 0
        day = datetime(2026, 1, 1 + self.sequence % 28, tzinfo=UTC)
        invoice = InvoiceIssued(
            invoice_id=new_id("inv"),
            number=f"INV-{self.sequence:06}",
            customer_id=f"cus_{self.sequence % 1000:026}",
            currency="USD",
            occurred_on=day.date(),
            posting_on=day.date(),
            issued_on=day.date(),
            due_on=day.date(),
            total=sum(line.amount for line in lines) + tax,
            lines=lines,
            tax=tax,
        )
        return Envelope(
            id=self.last_id,
            source="billing",
            type=InvoiceIssued.type,
            subject=invoice.invoice_id,
            company_id=self.companies[self.sequence % len(self.companies)],
            actor="bench",
            correlation_id="bench",
            origin="live",
            data=msgspec.Raw(encode(invoice)),
            sequence=self.sequence,
            time=self.numbered_at,
        )


class Plain:
    """The limit: unnest arrays and aggregated balance rows, batches of 500, nothing else."""

    def __init__(self, url: str):
        self.connection = psycopg.connect(url)
        self.connection.execute(PLAIN)
        self.connection.commit()
        self.number = 0

    def batch(self) -> int:
        """Adds one batch. Returns how many entries it had."""
        balances: dict[tuple[str, date], list[int]] = {}
        entries, postings = [], []
        for _ in range(PAGE):
            self.number += 1
            number, day = self.number, datetime(2026, 1, 1 + self.number % 28, tzinfo=UTC).date()
            entries.append(
                (number, f"evt_{number:026}", f"cus_{number % 1000:026}", day, "billing.invoice.issued", f"INV-{number:06}")
            )
            amounts = [("1100", 107), ("4000", -100), ("2200", -7)] if number % 2 else [("1100", 100), ("4000", -100)]
            for line, (account, amount) in enumerate(amounts, 1):
                postings.append((number, line, account, amount, day))
                sums = balances.setdefault((account, day), [0, 0])
                sums[amount < 0] += abs(amount)
        run = self.connection.execute
        run(
            "insert into plain_entry "
            "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::date[], %s::text[], %s::text[])",
            [list(column) for column in zip(*entries, strict=True)],
        )
        run(
            "insert into plain_posting select * from unnest(%s::bigint[], %s::smallint[], %s::text[], %s::bigint[], %s::date[])",
            [list(column) for column in zip(*postings, strict=True)],
        )
        keys = sorted(balances)
        run(
            "insert into plain_balance select * from unnest(%s::text[], %s::date[], %s::bigint[], %s::bigint[]) "
            "on conflict (account, on_day) do update set debit = plain_balance.debit + excluded.debit, "
            "credit = plain_balance.credit + excluded.credit",
            ([k[0] for k in keys], [k[1] for k in keys], [balances[k][0] for k in keys], [balances[k][1] for k in keys]),
        )
        self.connection.commit()
        return PAGE

    def close(self) -> None:
        self.connection.close()


class Arriving:
    """The ledger's queue, and its consumer behind it as the worker has it."""

    def __init__(self, at: Stand, producer: str):
        self.at, self.prefix, self.producer = at, f"{at.cluster.prefix}arriving", producer
        self.publishing, self.receiving = (Bus(at.broker.url, self.prefix, "bench") for _ in range(2))
        self.publisher = PagePublisher(self.publishing, producer)
        self.consumer = at.house.consumers["ledger"]
        self.receiver = PageReceiver(self.receiving, "ledger", [producer], self._on_pages)

    def _on_pages(self, arrived: list[tuple[str, bytes]]) -> None:
        for page in pages.joined(pages.read(raw) for _, raw in arrived):
            assert self.consumer.take_page(page) is Taken.ALL

    def put(self, made: Iterable[bytes]) -> None:
        for page in made:
            self.publisher.send(page)
        self.publisher.confirm()

    def take(self, how_many: int) -> None:
        while how_many > 0:
            how_many -= self.receiver.receive(1.0)

    def close(self) -> None:
        self.publishing.close()
        self.receiving.close()
        if self.at.broker.url.startswith("amqp"):
            delete_from_broker(self.at.broker.url, [f"{self.prefix}.{self.producer}"], [f"{self.prefix}.ledger.v1"])


def measure(rounds: int = 7, page_count: int = 20) -> list[Comparison]:
    with stand(SERVICES) as at:
        print(f"ledger worker: {at.postgres}, {at.broker}; {rounds} rounds in turn, {page_count} pages of {PAGE} entries each")
        plain = Plain(at.url("plain"))
        companies = [at.house.company().id for _ in range(51)]
        producer, of = Producer("billing", companies), {"one": companies[:1], "fifty": companies[1:]}
        arriving = Arriving(at, "billing")

        def limit() -> float:
            began = time.perf_counter()
            done = sum(plain.batch() for _ in range(page_count))
            return done / (time.perf_counter() - began)

        def worker(name: str) -> float:
            producer.companies = of[name]
            arriving.put([producer.page() for _ in range(page_count)])
            began = time.perf_counter()
            arriving.take(page_count)
            return page_count * PAGE / (time.perf_counter() - began)

        figures = interleaved(
            rounds,
            {
                LIMIT: limit,
                "ledger worker, pages of one company": lambda: worker("one"),
                "ledger worker, pages of 50 companies": lambda: worker("fifty"),
            },
        )
        plain.close()
        arriving.close()
        with at.house.owner("ledger") as owner:
            assert owner.execute("select count(*) from log.parked").fetchone() == (0,)
    plain_figure, one, fifty = figures.values()
    return [
        Comparison(one.name, LIMIT, plain_figure.median, one.median, "/s", 0.5),
        Comparison(fifty.name, LIMIT, plain_figure.median, fifty.median, "/s", 0.3),
    ]


if __name__ == "__main__":
    print(table(measure()))
