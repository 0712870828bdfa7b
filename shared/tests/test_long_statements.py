"""Whoever reads all rows of a company may take longer than the role allows, in that transaction and no other."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from shared.db import allow, engine


def test_an_allowed_statement_is_waited_for_and_the_next_transaction_is_as_ever(admin_url: str) -> None:
    made = engine(admin_url, 1, answers_within_s=1)
    with made.connect() as connection:
        allow(connection, 20)
        assert connection.exec_driver_sql("select 1 from pg_sleep(3)").scalar_one() == 1
        assert connection.exec_driver_sql("show statement_timeout").scalar_one() == "20s"
    with made.connect() as connection:
        assert connection.exec_driver_sql("show statement_timeout").scalar_one() == "0"
        with pytest.raises(DBAPIError, match="not answered"):
            connection.exec_driver_sql("select pg_sleep(6)")
    made.dispose()
