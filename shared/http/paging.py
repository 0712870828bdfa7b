"""Lists: filters and sorts from an allowlist, pages by cursor. Nothing reads a whole table for a page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from marshmallow import ValidationError, fields, validate
from sqlalchemy import ColumnElement, Connection, Select, and_, or_

from shared.errors import Invalid
from shared.http.schemas import In, Out, one_of

LONGEST_PAGE = 200
USUAL_PAGE = 50


class CursorUnusable(Invalid):
    """The cursor is not one of this list with this sort; begin again without it."""

    code = "cursor-unusable"


class ListQuery(In):
    """Query parameters of every list; a subclass adds its filters as fields and its sorts as `sort = sort_field(…)`."""

    limit = fields.Integer(load_default=USUAL_PAGE, validate=validate.Range(1, LONGEST_PAGE))
    cursor = fields.String(load_default=None, validate=validate.Length(max=1000))


def sort_field(*names: str, default: str) -> fields.String:
    """A sort by one of `names`, descending with a leading minus."""
    choices = [sign + name for name in names for sign in ("", "-")]
    return fields.String(load_default=default, validate=one_of(*choices))


def page_of(item: type[Out]) -> type[Out]:
    """The schema of a page of items."""
    return type(
        item.__name__.removesuffix("Out") + "Page",
        (Out,),
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next_cursor": fields.String(allow_none=True, metadata={"description": "null at the end"}),
        },
    )


@dataclass(frozen=True)
class Listing:
    """How a list may be sorted and filtered.

    `sorts`: name -> a column that is never null; `key`: the column that makes the order total; `filters`: name of a query
    field -> condition.
    """

    sorts: Mapping[str, ColumnElement[Any]]
    key: ColumnElement[Any]
    filters: Mapping[str, Callable[[Any], ColumnElement[bool]]]

    def page(self, session: Connection, select: Select[Any], query: Mapping[str, Any]) -> dict[str, Any]:
        """One page: `items` (rows) and `next_cursor`. The select must contain the sort column and the key.

        Raises CursorUnusable.
        """
        for name, condition in self.filters.items():
            if query.get(name) is not None:
                select = select.where(condition(query[name]))
        descending = query["sort"].startswith("-")
        name = query["sort"].lstrip("-")
        column = self.sorts[name]
        if query.get("cursor"):
            value, key = _opened(query["cursor"], query["sort"], column, self.key)
            beyond = (
                (column < value, column == value, self.key < key)
                if descending
                else (column > value, column == value, self.key > key)
            )
            select = select.where(or_(beyond[0], and_(beyond[1], beyond[2])))
        order = (column.desc(), self.key.desc()) if descending else (column, self.key)
        rows = session.execute(
            select.add_columns(column.label("_sort"), self.key.label("_key")).order_by(*order).limit(query["limit"] + 1)
        ).all()
        items = [row._mapping for row in rows[: query["limit"]]]
        more = len(rows) > query["limit"]
        return {"items": items, "next_cursor": _closed(query["sort"], items[-1]["_sort"], items[-1]["_key"]) if more else None}


def _closed(sort: str, value: Any, key: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([sort, value, key])).decode().rstrip("=")


def _opened(cursor: str, sort: str, column: ColumnElement[Any], key_column: ColumnElement[Any]) -> tuple[Any, Any]:
    try:
        made_for, value, key = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != sort:
            raise ValueError("another sort")
        return _value_of(value, column), _value_of(key, key_column)
    except (ValueError, TypeError, msgspec.DecodeError, ValidationError, NotImplementedError):
        raise CursorUnusable(pointer="/cursor") from None


def _value_of(value: Any, column: ColumnElement[Any]) -> Any:
    kind = column.type.python_type
    if kind in (date, datetime):
        return kind.fromisoformat(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError("another type")
    return value
