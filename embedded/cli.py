"""The `duebook` command: runs everything embedded, and speaks to what runs. Every command takes `--home DIR`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from embedded import up as running
from embedded.assembly import Assembly
from embedded.client import Client, RequestRefused, Unreachable
from embedded.companies import (
    CompanyUnclear,
    KnownCompany,
    add_company,
    choose,
    companies,
    token_for,
)
from embedded.errors import ServerFailed
from embedded.home import Home, HomeUnusable, NotRunning
from embedded.importing.mapping import MappingWrong, read_mapping
from embedded.importing.reading import FileUnreadable, read_rows
from embedded.importing.receivables import RowsRefused, import_rows
from shared.config import SERVICES
from shared.errors import Refusal
from shared.money import Money

SHOWN_FAULTS = 50
EXPECTED = (
    CompanyUnclear,
    FileUnreadable,
    HomeUnusable,
    MappingWrong,
    NotRunning,
    Refusal,
    RequestRefused,
    ServerFailed,
    Unreachable,
    running.CannotStart,
)


def main() -> NoReturn:
    """Entry point: what a person can mend is one clear line and exit 1, never a traceback."""
    try:
        commands(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except EXPECTED as error:
        click.echo(f"duebook: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error)).lower()
        click.echo(f"duebook: {reason}{': ' + str(error.filename) if error.filename else ''}", err=True)
        sys.exit(1)
    sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Ledger-first receivables: invoices, receipts, deposits and the general ledger that proves them."""


def home_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--home",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=lambda: os.environ.get("DUEBOOK_HOME", ".duebook"),
        show_default="DUEBOOK_HOME, else .duebook here",
        help="Folder that keeps this installation's data.",
    )(command)


def company_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--company", help="Number or name of the company, where there are several.")(command)


@contextmanager
def installation(folder: Path) -> Iterator[tuple[Home, Assembly]]:
    """The running installation of a home. Raises NotRunning."""
    home = Home(folder.absolute())
    home.running()
    assembly = home.assembly(pool_size=2)
    try:
        yield home, assembly
    finally:
        assembly.close()


def client_of(home: Home, assembly: Assembly, company: KnownCompany) -> Client:
    return Client(home.running()["url"], lambda: token_for(assembly, company))


@commands.command()
@home_option
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--no-demo", is_flag=True, help="Begin with an empty company instead of the demo company.")
def up(folder: Path, port: int, no_demo: bool) -> None:
    """Run everything on this machine, in the foreground, until Ctrl-C."""
    running.Installation(Home(folder.absolute()), port, click.echo).run(demo=not no_demo)


@commands.command()
@home_option
@company_option
@click.option("--role", default="owner", show_default=True, help="owner, accountant, clerk or viewer.")
def token(folder: Path, company: str | None, role: str) -> None:
    """Print an API token; it is good for five minutes."""
    with installation(folder) as (_, assembly):
        click.echo(token_for(assembly, choose(companies(assembly), company), role))


@commands.group(name="company")
def company_commands() -> None:
    """Companies of this installation."""


@company_commands.command(name="list")
@home_option
def list_companies(folder: Path) -> None:
    """List the companies."""
    with installation(folder) as (_, assembly):
        for known in companies(assembly):
            click.echo(f"{known.id}  {known.name}  {known.currency}{'  (demo)' if known.is_demo else ''}")


@company_commands.command(name="create")
@home_option
@click.argument("name")
@click.option("--currency", default="USD", show_default=True)
@click.option("--time-zone", default="UTC", show_default=True)
def create_company_command(folder: Path, name: str, currency: str, time_zone: str) -> None:
    """Create an empty company."""
    with installation(folder) as (_, assembly):
        known = add_company(assembly, name, time_zone, currency)
        click.echo(f"{known.id}  {known.name}")


@commands.group(name="import")
def import_commands() -> None:
    """Bring data in from files."""


@import_commands.command()
@home_option
@company_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--mapping", required=True, type=click.Path(path_type=Path, dir_okay=False), help="TOML file that names the columns."
)
@click.option("--skip-bad-rows", is_flag=True, help="Import the good rows and report the bad ones.")
@click.option("--receipts-until", type=click.DateTime(["%Y-%m-%d"]), help="Leave out receipts after this date.")
def receivables(
    folder: Path, company: str | None, file: Path, mapping: Path, skip_bad_rows: bool, receipts_until: datetime | None
) -> None:
    """Import customers, invoices, receipts and one deposit a day from a CSV.

    All rows are checked first; a bad one is reported with its number, column and reason, and then nothing is imported,
    unless --skip-bad-rows is given. Importing the same file again adds nothing.
    """
    columns = read_mapping(mapping)
    rows, bad = read_rows(file, columns)
    for cell in bad[:SHOWN_FAULTS]:
        click.echo(str(cell), err=True)
    if len(bad) > SHOWN_FAULTS:
        click.echo(f"and {len(bad) - SHOWN_FAULTS} more", err=True)
    if bad and not skip_bad_rows:
        lines = len({cell.line for cell in bad})
        raise click.ClickException(f"nothing was imported: {lines} bad row{'s' if lines > 1 else ''} among {len(rows) + lines}")
    if not rows:
        raise click.ClickException(f"{file} has no row to import")
    with installation(folder) as (home, assembly):
        target = _company_for_import(assembly, company, columns.currency)
        click.echo(f"Company    {target.id} {target.name}")
        until: date | None = receipts_until.date() if receipts_until else None
        client = client_of(home, assembly, target)
        try:
            done = import_rows(client, columns, rows, _progress, until, skip_refused=skip_bad_rows)
        except RowsRefused as refused:
            for fault in refused.faults[:SHOWN_FAULTS]:
                click.echo(str(fault), err=True)
            raise click.ClickException(
                "the rows above were refused; what came before them is in, so run it again once they are mended"
            ) from None
        for fault in done.refused[:SHOWN_FAULTS]:
            click.echo(str(fault), err=True)
        for name, counts in (("invoices", done.invoices), ("receipts", done.receipts), ("deposits", done.deposits)):
            click.echo(f"{name:<10} {counts.added} added, {counts.known} known already")
        books = client.get("/api/ledger/trial-balance", wait=True, as_of="2999-12-31")
        click.echo(f"Ledger     has taken it all in; {len(books['items'])} accounts have a balance")


def _company_for_import(assembly: Assembly, wanted: str | None, currency: str) -> KnownCompany:
    """Never the demo unless it is named: real figures do not belong among made-up ones."""
    found = companies(assembly)
    if wanted is None and all(known.is_demo for known in found):
        return add_company(assembly, "My company", "UTC", currency)
    return choose(found, wanted)


def _progress(what: str, done: int, of: int) -> None:
    end = "\n" if done >= of else "\r"
    click.echo(f"{what:<10} {done} of {of}", nl=False)
    click.echo(end if sys.stdout.isatty() or done >= of else "\n", nl=False)


@commands.command()
@home_option
@company_option
def proof(folder: Path, company: str | None) -> None:
    """Prove the books while they run: every sub-ledger against its control account. Exit 1 when one does not hold."""
    with installation(folder) as (home, assembly):
        found = companies(assembly)
        failed = False
        for known in [choose(found, company)] if company else found:
            click.echo(f"Company {known.id} {known.name}")
            answer = client_of(home, assembly, known).get("/api/ledger/proofs")
            for item in answer["proofs"]:
                click.echo(f"  {item['code']}  {item['state']:<8} {item['title']}")
                for difference in item.get("differences", [])[:20]:
                    click.echo("      " + _difference(difference))
                if item.get("reason"):
                    click.echo(f"      {item['reason']}")
            failed = failed or answer["state"] != "green"
        if failed:
            sys.exit(1)


def _difference(found: dict[str, Any]) -> str:
    ledger, owner = (Money(found[side], found["currency"]) for side in ("ledger", "owner"))
    return f"{found['key']}: ledger {ledger}, owner {owner}; documents: {', '.join(found.get('documents', [])) or 'none named'}"


@commands.command()
@home_option
@company_option
def verify(folder: Path, company: str | None) -> None:
    """Recompute the hash chain over every journal entry, and every stored balance. Exit 1 and name what was altered."""
    with installation(folder) as (home, assembly):
        found = companies(assembly)
        failed = False
        for known in [choose(found, company)] if company else found:
            client = client_of(home, assembly, known)
            entries, faults = _verify_journal(client)
            faults += _verify_balances(client)
            if faults:
                failed = True
                click.echo(f"Company {known.id} {known.name}: BROKEN")
                for fault in faults:
                    click.echo(f"  {fault}")
            else:
                click.echo(
                    f"Company {known.id} {known.name}: {entries} entries, the chain is whole, every balance is its postings"
                )
        if failed:
            sys.exit(1)


def _verify_journal(client: Client) -> tuple[int, list[str]]:
    """How many entries were found whole, and what is wrong with the journal."""
    after, entries = 0, 0
    while True:
        answer = client.get("/api/ledger/verification", after=after)
        entries += answer["checked"]
        if answer["faults"] or answer["next_after"] is None:
            return entries, [f"{_place(fault['number'])}: {fault['detail']}" for fault in answer["faults"]]
        after = answer["next_after"]


def _place(number: int | None) -> str:
    return "stored balances" if number is None else f"entry {number}"


def _verify_balances(client: Client) -> list[str]:
    """What billing and payments have stored otherwise than their postings say."""
    return [
        f"{service} {' '.join(filter(None, (fault['document'], fault['document_id'])))}: {fault['detail']}"
        for service in ("billing", "payments")
        for fault in client.get(f"/api/{service}/verification")["faults"]
    ]


@commands.command()
@home_option
@company_option
def status(folder: Path, company: str | None) -> None:
    """Show each service's log, how far it has taken in the others, and events that wait for a person."""
    with installation(folder) as (home, assembly):
        known = companies(assembly)
        client = client_of(home, assembly, choose(known, company) if company or len(known) == 1 else known[0])
        click.echo(f"{home.running()['url']}")
        for name in SERVICES:
            answer = client.get(f"/api/{name}/status")
            click.echo(f"{name:<14} log {answer['head']}, published {answer['published_through']}, parked {answer['parked']}")
            for position in answer["positions"]:
                behind = "producer away" if position["behind"] is None else f"{position['behind']} behind"
                click.echo(f"    {position['producer']:<12} at {position['position']}, {position['forked'] or behind}")


if __name__ == "__main__":
    main()
