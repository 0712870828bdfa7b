"""The limit over HTTP: Flask that inserts one journal entry of three postings, or reads one balance, and nothing else."""

from __future__ import annotations

import os
import threading

import psycopg
from flask import Flask, Response, request

from shared.ids import new_id

app = Flask(__name__)
held = threading.local()

TABLES = """
create table bare_entry (id text primary key, event_id text not null unique, customer_id text, document text);
create index on bare_entry (customer_id);
create table bare_posting (entry_id text not null, line smallint not null, account text not null, amount bigint not null,
    primary key (entry_id, line));
create table bare_balance (account text primary key, amount bigint not null);
insert into bare_balance select n::text, n from generate_series(1, 1000) n;
"""


def connection() -> psycopg.Connection:
    if not hasattr(held, "connection"):
        held.connection = psycopg.connect(os.environ["BARE_URL"])
    return held.connection


@app.post("/entries")
def insert_entry() -> tuple[Response, int]:
    body = request.get_json()
    entry = new_id("je")
    with connection().transaction():
        connection().execute(
            "with entry as (insert into bare_entry values (%s, %s, %s, %s)) "
            "insert into bare_posting select %s, * from unnest(%s::smallint[], %s::text[], %s::bigint[])",
            (
                entry,
                new_id("evt"),
                body["customer_id"],
                body["document"],
                entry,
                [1, 2, 3],
                ["1100", "4000", "2200"],
                [107, -100, -7],
            ),
        )
    return Response(f'{{"id":"{entry}"}}', mimetype="application/json"), 201


@app.get("/balances/<account>")
def read_balance(account: str) -> Response:
    row = connection().execute("select amount from bare_balance where account = %s", (account,)).fetchone()
    connection().commit()
    assert row is not None
    return Response(f'{{"balance":{row[0]}}}', mimetype="application/json")
