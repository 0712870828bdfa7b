"""The customer timeline: one row for each event that touched a customer."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table copies.timeline (
    company_id bigint not null, id bigint generated always as identity, customer_id text not null, at timestamptz not null,
    occurred_on date not null, kind text not null, producer text not null, event_id text not null, document_id text not null,
    number text not null, amount bigint, currency char(3), actor text not null,
    primary key (company_id, id), constraint timeline_once unique (company_id, event_id, customer_id),
    check ((amount is null) = (currency is null)));
create index timeline_newest on copies.timeline (company_id, customer_id, at, id);
create index timeline_day on copies.timeline (company_id, customer_id, occurred_on);

-- Whose a receipt is: deposits name receipts, not customers.
create table copies.receipt_customer (
    company_id bigint not null, receipt_id text not null, customer_id text not null, primary key (company_id, receipt_id));

-- A deposit's items whose receipts have not arrived yet: payments' log and banking's are read one by one.
create table copies.unplaced_item (
    company_id bigint not null, receipt_id text not null, event_id text not null, at timestamptz not null,
    occurred_on date not null, kind text not null, document_id text not null, number text not null,
    amount bigint not null, currency char(3) not null, actor text not null, primary key (company_id, receipt_id, event_id));
"""


def upgrade() -> None:
    create_kernel()
    op.execute(TABLES)
    protect("copies.timeline", api="select", worker="select, insert, update")
    protect("copies.receipt_customer", api="", worker="select, insert")
    protect("copies.unplaced_item", api="", worker="select, insert, delete")
