"""Reading pages: what is one, which follow each other, and which events a producer may state."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from shared.contracts import Envelope, Page, page_decoder

SPEC_VERSION = "1.0"


class NoPage(ValueError):
    """What arrived is no page of a log."""


class NotItsOwn(ValueError):
    """An event that its producer cannot state, or in a form that is not known here."""


def read(raw: bytes) -> Page:
    """The page that these bytes are. Raises NoPage."""
    try:
        page = page_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # the last where it is nested too deep
        raise NoPage(str(error)) from error
    if page.previous < 0 or any(
        event.sequence != number or event.time is None for number, event in enumerate(page.events, page.previous + 1)
    ):
        raise NoPage("its events are not numbered one after the other")
    return page


def check_own(producer: str, event: Envelope) -> None:
    """A producer states its own facts only, whatever its pages say. Raises NotItsOwn."""
    if event.source != producer or not event.type.startswith(producer + "."):
        raise NotItsOwn(f"{producer} cannot state {event.type} of {event.source}")
    if event.specversion != SPEC_VERSION:
        raise NotItsOwn(f"an event of version {event.specversion} is not known here")


def joined(pages: Iterable[Page]) -> list[Page]:
    """The same pages in the same order, those that follow each other made one, to be taken in together."""
    result: list[Page] = []
    for page in pages:
        if result and _follows(page, result[-1]):
            result[-1] = msgspec.structs.replace(result[-1], events=[*result[-1].events, *page.events])
        else:
            result.append(page)
    return result


def _follows(page: Page, before: Page) -> bool:
    last = before.events[-1] if before.events else None
    return last is not None and (page.producer, page.epoch, page.previous, page.previous_id) == (
        before.producer,
        before.epoch,
        last.sequence,
        last.id,
    )
