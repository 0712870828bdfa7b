"""Banking: each receipt's money lies in one place, and a bank account moves by what its deposits are (E3, E4)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.agreement import LIVE_ITEMS
from tests.rig.breach import Breach
from tests.rig.reading import Reading

IN_TWO = f"""
select company_id, 'receipt ' || key || ' is in ' || count(*) || ' live deposits'
from ({LIVE_ITEMS}) live group by company_id, key having count(*) > 1
"""

PLACES = """
select coalesce(p.company_id, i.company_id), 'receipt ' || coalesce(p.receipt_id, i.receipt_id) || ' lies in ' ||
    coalesce(p.deposit_id, case when p.voided then 'nothing, being void' else 'nothing' end) || ', its live deposit is ' ||
    coalesce(i.deposit_id, 'none')
from receipt_place p
full join (
    select i.company_id, i.receipt_id, i.deposit_id from deposit_item i
    where not exists (select from deposit_void v where v.company_id = i.company_id and v.deposit_id = i.deposit_id)
      and not exists (select from bank_posting r where r.company_id = i.company_id and r.deposit_id = i.deposit_id
                      and r.receipt_id = i.receipt_id)) i
    on i.company_id = p.company_id and i.receipt_id = p.receipt_id
where p.deposit_id is distinct from i.deposit_id
"""

WITHOUT_PLACE = """
select coalesce(r.company_id, p.company_id), 'receipt ' || coalesce(r.id, p.receipt_id) || ' has no ' ||
    case when r.id is null then 'copy' else 'place' end
from copy_receipt r full join receipt_place p on p.company_id = r.company_id and p.receipt_id = r.id
where r.id is null or p.receipt_id is null
"""

TOTALS = """
select d.company_id, 'deposit ' || d.id || ' of ' || d.total || ' with ' || d.item_count || ' items: there are ' ||
    coalesce(i.count, 0) || ' of ' || coalesce(i.amount, 0)
from deposit d left join (
    select company_id, deposit_id, sum(amount) as amount, count(*) as count from deposit_item group by 1, 2) i
    on i.company_id = d.company_id and i.deposit_id = d.id
where i.amount is distinct from d.total or i.count <> d.item_count
"""

ITEMS = """
select i.company_id, 'deposit ' || i.deposit_id || ' took receipt ' || i.receipt_id || ' in with ' || i.amount ||
    ', it is of ' || r.amount
from deposit_item i join copy_receipt r on r.company_id = i.company_id and r.id = i.receipt_id where r.amount <> i.amount
"""

POSTINGS = """
select company_id, 'deposit ' || id || ': ' || kind || ' moved the bank account by ' || coalesce(posted::text, 'nothing') ||
    ', it should by ' || coalesce(expected::text, 'nothing')
from (
    select d.company_id, d.id, k.kind, k.expected, p.amount as posted
    from deposit d
    left join deposit_void v on v.company_id = d.company_id and v.deposit_id = d.id
    left join lateral (
        select sum(i.amount)::bigint as amount from deposit_item i where i.company_id = d.company_id and i.deposit_id = d.id
        and exists (select from bank_posting r where r.company_id = i.company_id and r.deposit_id = i.deposit_id
                    and r.receipt_id = i.receipt_id)) returned on true
    cross join lateral (values
        ('deposit_posted', d.total - d.fee),
        ('deposit_voided', case when v.deposit_id is not null then d.fee - d.total + coalesce(returned.amount, 0) end),
        ('item_returned', -returned.amount)) k (kind, expected)
    left join lateral (
        select sum(b.amount)::bigint as amount from bank_posting b
        where b.company_id = d.company_id and b.deposit_id = d.id and b.kind = k.kind) p on true) s
where posted is distinct from expected
"""


def places(reading: Reading) -> Iterator[Breach]:
    """E3: a receipt is in one live deposit at most, and its place says so."""
    for query in (IN_TWO, PLACES, WITHOUT_PLACE):
        yield from reading.found("E3", "banking", query)


def bank_postings(reading: Reading) -> Iterator[Breach]:
    """E4: a deposit is the sum of its items, each the receipt's amount; the bank account moved by it and by what became of it."""
    for query in (TOTALS, ITEMS, POSTINGS):
        yield from reading.found("E4", "banking", query)
