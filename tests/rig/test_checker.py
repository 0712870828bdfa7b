"""The checker finds nothing in sound books, and each of its rules turns red at the smallest harm."""

from __future__ import annotations

from tests.product import Company, House
from tests.rig.checker import check


def test_sound_books_have_no_breach(books: House, told: tuple[Company, Company]) -> None:
    assert check(books.assembly.urls, settled=True) == []
