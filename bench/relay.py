"""From the outbox to confirmed pages, and from the answer to "issue" until the ledger shows the entry.

    python -m bench.relay

Needs RabbitMQ; it is skipped by name where there is none. The first figure stands beside the ledger's worker, which has to be
the slower of the two. The second is taken at half of what the API does at most, with the workers of billing and ledger
running, beside one commit and one message through a quorum queue, taken in turns with it under the same load.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import psycopg
from kombu import Connection as BrokerConnection
from kombu import Consumer, Producer, Queue

from bench.http import Books, Client
from bench.ledger_worker import PAGE, Arriving
from bench.ledger_worker import Producer as PageProducer
from bench.load import CLIENTS, Request, load
from bench.measure import Comparison, interleaved, table
from bench.stand import Stand, stand
from shared.context import Context
from shared.contracts import Envelope
from shared.contracts.billing import InvoiceIssued
from shared.ids import new_id
from shared.log.bus import Bus, PagePublisher
from shared.log.relay import Relay
from tests.infrastructure import delete_from_broker

SERVICES = ("identity", "ledger", "billing", "payments")
WORKER = "ledger worker, pages of one company"


def measure(rounds: int = 7, pages: int = 20, seconds: float = 15) -> list[Comparison]:
    with stand(SERVICES) as at:
        if not at.broker.url.startswith("amqp"):
            print("relay and time to the ledger: skipped, there is no RabbitMQ")
            return []
        print(f"relay: {at.postgres}, {at.broker}; {rounds} rounds in turn, {pages} pages of {PAGE} events each")
        found = _throughput(at, rounds, pages)
    with stand(SERVICES) as at:
        return [*found, *_latency(at, seconds)]


def _throughput(at: Stand, rounds: int, pages: int) -> list[Comparison]:
    company = at.house.company().id
    stated, made = PageProducer("billing", [company]), PageProducer("billing", [company])
    arriving = Arriving(at, "billing")
    with _published(at) as publish:

        def relay() -> float:
            fill_outbox(at, stated, company, pages)
            began = time.perf_counter()
            sent = publish()
            spent = time.perf_counter() - began
            assert sent == pages, f"{sent} pages of {pages} went out"
            return pages * PAGE / spent

        def worker() -> float:
            arriving.put([made.page() for _ in range(pages)])
            began = time.perf_counter()
            arriving.take(pages)
            return pages * PAGE / (time.perf_counter() - began)

        what = "relay: outbox to confirmed pages"
        found = interleaved(rounds, {what: relay, WORKER: worker})
    arriving.close()
    return [Comparison(what, WORKER, found[WORKER].median, found[what].median, "/s", 1.0)]


@contextmanager
def _published(at: Stand) -> Iterator[Callable[[], int]]:
    """Gives what publishes all that waits in billing's outbox, to a queue that is emptied each time."""
    bus = Bus(at.broker.url, at.cluster.prefix, "bench")
    publisher = PagePublisher(bus, "billing")
    queue = bus.queue("ledger")(bus.connection.channel())
    queue.declare()
    queue.bind_to(exchange=bus.exchange("billing"), routing_key="")
    engine = at.house.databases["billing"].log
    relay = Relay("billing", engine, at.broker.url, at.cluster.prefix)

    def publish() -> int:
        sent = 0
        with engine.connect() as connection:
            while window := relay.publish(connection, publisher):
                sent += window
        return sent

    publish()

    def publish_and_empty() -> int:
        queue.purge()
        return publish()

    yield publish_and_empty
    bus.close()
    delete_from_broker(at.broker.url, [f"{at.cluster.prefix}.billing"], [queue.name])


def fill_outbox(at: Stand, events: PageProducer, company: int, pages: int) -> None:
    """What the API would have stated, in one transaction."""
    decoder = msgspec.json.Decoder(InvoiceIssued)
    with at.house.databases["billing"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 'bench', '')", ([company],))
        ctx = Context(session, at.house.clock, "billing", company, "bench", "bench")
        for _ in range(pages * PAGE):
            event: Envelope = events.event()
            ctx.state(decoder.decode(event.data), subject=event.subject)
        ctx.write_stated()


def _latency(at: Stand, seconds: float) -> list[Comparison]:
    books = Books(at)
    at.worker("billing", "ledger")
    at.api("identity", "billing")
    at.warm(books.headers(), "billing")
    at.until_taken_in("ledger", "billing")
    most, _ = load(at.port("billing"), books.posting("/api/billing/invoices", books.invoice), seconds / 3)
    at.until_taken_in("ledger", "billing")
    paced = _paced(books.posting("/api/billing/invoices", books.invoice), most / 2)
    under_load = threading.Thread(target=lambda: load(at.port("billing"), paced, seconds))
    with _round_trip(at) as limit, _shown(at, books) as shown:
        under_load.start()
        end = time.perf_counter() + seconds - 1
        limits, products = [], []
        while time.perf_counter() < end:
            limits.append(limit())
            products.append(shown())
        under_load.join()
    print(f"  {len(products)} invoices were watched at {most / 2:,.0f} invoices/s, half of {most:,.0f}/s")
    name, base = "one commit, one message through a quorum queue", statistics.median(limits) * 1000
    return [
        Comparison("issued invoice seen in the ledger, median", name, base, statistics.median(products) * 1000, "ms", 3),
        Comparison(
            "issued invoice seen in the ledger, 99 of 100", name, base, statistics.quantiles(products, n=100)[98] * 1000, "ms", 10
        ),
    ]


def _paced(client: Client, rate: float) -> Client:
    """The clients at `rate` requests a second in all."""
    pause = CLIENTS / rate

    def paced(number: int) -> Callable[[], Request]:
        request, due = client(number), time.perf_counter() + pause * number / CLIENTS

        def next_request() -> Request:
            nonlocal due
            time.sleep(max(0.0, due - time.perf_counter()))
            due = max(due + pause, time.perf_counter() - pause)
            return request()

        return next_request

    return paced


@contextmanager
def _round_trip(at: Stand) -> Iterator[Callable[[], float]]:
    """Seconds of one row committed and one message published, stored by a quorum queue and received."""
    name = f"{at.cluster.prefix}.roundtrip"
    queue = Queue(name, durable=True, queue_arguments={"x-queue-type": "quorum"})
    with psycopg.connect(at.url("plain")) as plain, BrokerConnection(at.broker.url) as broker:
        plain.execute("create table one (id text primary key)")
        plain.commit()
        arrived: list[Any] = []
        channel = broker.channel()
        bound = queue(channel)
        bound.declare()
        producer = Producer(channel)
        consumer = Consumer(channel, [bound], on_message=arrived.append, auto_declare=False)
        consumer.consume()

        def once() -> float:
            began = time.perf_counter()
            plain.execute("insert into one values (%s)", (new_id("evt"),))
            plain.commit()
            producer.publish(b"one", exchange="", routing_key=name, delivery_mode=2)
            while not arrived:
                broker.drain_events(timeout=5)
            spent = time.perf_counter() - began
            arrived.pop().ack()
            return spent

        yield once
    delete_from_broker(at.broker.url, (), [name])


@contextmanager
def _shown(at: Stand, books: Books) -> Iterator[Callable[[], float]]:
    """Seconds from the answer that an invoice is issued until its entry is in the journal."""
    headers = books.headers()
    pick = books.picker()
    with httpx.Client(base_url=at.base("billing")) as http, at.house.owner("ledger") as ledger:
        ledger.autocommit = True

        def once() -> float:
            answer = http.post(
                "/api/billing/invoices", json=books.invoice(pick), headers={**headers, "Idempotency-Key": new_id("idk")}
            )
            began = time.perf_counter()
            assert answer.status_code == 201, answer.text
            event = answer.headers["Duebook-Event"].partition(":")[2]
            while not ledger.execute("select 1 from app.journal_entry where event_id = %s", (event,)).fetchone():
                time.sleep(0.0005)
                assert time.perf_counter() - began < 30, "the ledger never showed the entry"
            return time.perf_counter() - began

        yield once


if __name__ == "__main__":
    print(table(measure()))
