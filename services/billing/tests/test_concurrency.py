"""Many at once: numbers without gaps, one winner, nothing lost."""

from concurrent.futures import ThreadPoolExecutor

from services.billing.tests.books import Books

PATH = "/api/billing/invoices"


def test_of_two_who_issue_the_same_draft_one_wins(books: Books) -> None:
    draft = books.draft("10.00")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: books.company.call("POST", f"{PATH}/{draft['id']}/issue", {}), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {"/problems/invoice-issued"}
    assert books.invoice(draft["id"])["number"] == "INV-000001"
    assert books.unreconciled() == []


def test_twenty_who_issue_at_once_get_the_numbers_1_to_n_even_where_some_are_rolled_back(books: Books) -> None:
    customer = books.customer()
    books.issue("1.00", customer_id=customer, number="TAKEN")

    def issue(place: int) -> int:
        # every fourth names a number that is taken: refused, and it takes no number of the series with it
        more = {"number": "TAKEN"} if place % 4 == 0 else {}
        body = books.asked("1.00", customer_id=customer, issue=True, **more)
        while True:
            answer = books.company.call("POST", PATH, body)
            if answer.status_code != 503:
                return answer.status_code

    with ThreadPoolExecutor(20) as threads:
        codes = list(threads.map(issue, range(60)))

    assert (codes.count(201), codes.count(422)) == (45, 15)
    own = [item["number"] for item in books.company.get(PATH, limit=200)["items"] if item["series"] == "own"]
    assert sorted(own) == [f"INV-{n:06d}" for n in range(1, 46)]
    assert books.unreconciled() == []


def test_of_many_who_void_one_invoice_one_wins(books: Books) -> None:
    invoice = books.issue("10.00")

    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda _: books.company.call("POST", f"{PATH}/{invoice['id']}/void", {"reason": "x"}), range(6))
        )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert books.balance(invoice["id"]) == 0
    assert [event["type"] for event in books.stated(invoice["id"])] == ["billing.invoice.issued", "billing.invoice.voided"]


def test_a_void_against_money_on_its_way_leaves_the_invoice_settled_or_overapplied_and_says_so(books: Books) -> None:
    for _ in range(5):
        invoice = books.issue("10.00")
        receipt = books.receipt((invoice, "4.00"))

        with ThreadPoolExecutor(2) as threads:
            void = threads.submit(books.company.call, "POST", f"{PATH}/{invoice['id']}/void", {"reason": "x"})
            threads.submit(books.take, receipt).result()

        voided = void.result().status_code == 200
        stated = [event["amount"] for event in books.stated(receipt.data.lines[0].application_id)]
        assert (books.balance(invoice["id"]), stated) == ((-400, [400]) if voided else (600, []))
    assert books.unreconciled() == []
