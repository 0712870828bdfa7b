"""A seed is a plan: the same one at any time, and over a few seeds of every kind."""

from __future__ import annotations

from tests.torture.faults import KINDS, kind_of
from tests.torture.plan import plan


def test_a_seed_gives_the_same_plan_every_time_and_another_seed_another() -> None:
    assert str(plan(7, 2000, 12)) == str(plan(7, 2000, 12))
    assert str(plan(7, 2000, 12)) != str(plan(8, 2000, 12))


def test_a_plan_spreads_its_faults_over_the_run_and_leaves_room_at_the_end() -> None:
    made = plan(3, 2000, 12)

    afters = [planned.after for planned in made.faults]
    assert (len(afters), afters) == (12, sorted(afters))
    assert 0 < afters[0] < 300
    assert 1500 < afters[-1] < 2000


def test_the_long_run_has_every_kind_and_a_run_may_be_of_some_only() -> None:
    assert {kind_of(planned.fault) for planned in plan(1, 16_700, 67).faults} == set(KINDS)
    assert {kind_of(planned.fault) for planned in plan(1, 100, 5, ["kill", "skew"]).faults} == {"kill", "skew"}


def test_every_kind_of_fault_names_its_row_and_what_it_is_about_to_do() -> None:
    for planned in plan(2, 2000, len(KINDS)).faults:
        assert planned.fault.row.isdigit()
        assert str(planned.fault).startswith(kind_of(planned.fault))
        assert planned.fault.hold > 0
        assert type(planned.fault).__doc__
