"""Trial balance over 100,000 postings and aging of 100,000 open invoices over HTTP, beside hand-written SQL.

    python -m bench.reads

The limit is the same database, asked directly by its superuser, past row-level security. One client, one request at a time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import psycopg

from bench.ledger_worker import PAGE, Producer
from bench.measure import Comparison, table
from bench.stand import stand

POSTINGS, INVOICES, CUSTOMERS = 100_000, 100_000, 2_000
SERVICES = ("identity", "ledger", "billing")
TODAY = datetime.now(UTC).date()

OPEN_INVOICES = f"""
insert into app.customer (company_id, id, code, name, currency, content_hash)
select %(company)s, 'cus_' || lpad(n::text, 26, '0'), 'C-' || n, 'Customer ' || n, 'USD', ''
from generate_series(1, {CUSTOMERS}) n;
create temporary table made as
select %(company)s::bigint as company_id, 'inv_' || lpad(n::text, 26, '0') as id,
    'cus_' || lpad((1 + n %% {CUSTOMERS})::text, 26, '0') as customer_id, 'OLD-' || n as number,
    %(today)s::date - n %% 200 as issued_on, %(today)s::date - n %% 200 + 30 as due_on, 100 + n as total
from generate_series(1, {INVOICES}) n;
insert into app.invoice (company_id, id, customer_id, series, number, currency, issued_on, due_on, posting_on,
    lines_total, freight, tax, total, content_hash, created_by, issued_at, issued_by)
select company_id, id, customer_id, 'outside', number, 'USD', issued_on, due_on, issued_on,
    total, 0, 0, total, '', 'bench', now(), 'bench' from made;
insert into app.open_item (company_id, invoice_id, customer_id, currency, number, issued_on, due_on, total, balance)
select company_id, id, customer_id, 'USD', number, issued_on, due_on, total, total from made;
insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on,
    document_id, event_id, producer)
select company_id, id, customer_id, 'USD', 'invoice', total, issued_on, issued_on, id, 'evt_' || substr(id, 5), 'billing'
from made;
"""
TRIAL_BALANCE = """
select account, currency, sum(debit), sum(credit) from app.balance where company_id = %(company)s and on_day <= %(today)s
group by account, currency order by account
"""
AGED = "width_bucket(%(today)s::date - due_on, array[1, 31, 61, 91])"
OPEN = "app.open_item where company_id = %(company)s and balance <> 0"
AGING = f"select currency, {AGED} as bucket, sum(balance), count(*) from {OPEN} group by currency, bucket"
AGING_BY_CUSTOMER = f"""
select customer_id, currency, sum(balance), {", ".join(f"sum(balance) filter (where {AGED} = {n})" for n in range(5))}
from {OPEN} group by customer_id, currency order by customer_id
"""


def measure(rounds: int = 60) -> list[Comparison]:
    with stand(SERVICES) as at:
        print(f"reads: {at.postgres}; {POSTINGS:,} postings, {INVOICES:,} open invoices; {rounds} of each in turn")
        company = at.house.company()
        values = {"company": company.id, "today": TODAY}
        producer, posted = Producer("billing", [company.id]), 0
        with at.house.owner("ledger") as ledger, at.house.owner("billing") as billing:
            while posted < POSTINGS:
                for _ in range(POSTINGS // 3 // PAGE + 1):
                    at.house.consumers["ledger"].take(producer.page())
                posted = ledger.execute("select count(*) from app.posting").fetchone()[0]  # type: ignore[index]
            with psycopg.ClientCursor(billing) as cursor:
                cursor.execute(OPEN_INVOICES, values)
            billing.commit()
            ledger.commit()
            for owner in (ledger, billing):
                owner.autocommit = True
                owner.execute("vacuum analyze")
            at.api("identity", "ledger", "billing")
            headers = {"Authorization": f"Bearer {company.token()}"}
            with httpx.Client(headers=headers, timeout=60) as http:

                def asked(service: str, path: str) -> Callable[[], float]:
                    def ask() -> float:
                        began = time.perf_counter()
                        answer = http.get(f"{at.base(service)}/api/{service}/{path}")
                        spent = time.perf_counter() - began
                        assert answer.status_code == 200, answer.text
                        return spent

                    return ask

                def queried(owner: psycopg.Connection, statement: str) -> Callable[[], float]:
                    def ask() -> float:
                        began = time.perf_counter()
                        owner.execute(statement, values, prepare=True).fetchall()
                        return time.perf_counter() - began

                    return ask

                pairs = {
                    "trial balance, 100,000 postings": (queried(ledger, TRIAL_BALANCE), asked("ledger", "trial-balance"), 3.0),
                    "aging of 100,000 open invoices: totals": (queried(billing, AGING), asked("billing", "aging"), 1.5),
                    "aging of 100,000 open invoices: per customer": (
                        queried(billing, AGING_BY_CUSTOMER),
                        asked("billing", f"aging?by=customer&limit={CUSTOMERS}"),
                        2.5,
                    ),
                }
                found = []
                for what, (limit, product, target) in pairs.items():
                    spent = [(limit(), product()) for _ in range(rounds)]
                    limits, products = (statistics.median(column) * 1000 for column in zip(*spent, strict=True))
                    found.append(Comparison(what, "hand-written SQL", limits, products, "ms", target))
                return found


if __name__ == "__main__":
    print(table(measure()))
