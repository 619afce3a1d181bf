from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.holdout import assign, draw


def test_draw_is_stable_and_differs_by_campaign_and_seed() -> None:
    first = draw(["a", "b", "c"], campaign="spring", seed=1)
    assert np.array_equal(draw(["c", "a", "b"], campaign="spring", seed=1), first[[2, 0, 1]])
    assert not np.array_equal(draw(["a", "b", "c"], campaign="autumn", seed=1), first)
    assert not np.array_equal(draw(["a", "b", "c"], campaign="spring", seed=2), first)


def test_draw_is_uniform() -> None:
    u = draw([str(i) for i in range(20_000)], campaign="spring", seed=1)
    assert (u >= 0).all()
    assert (u < 1).all()
    # Five standard errors of a share of one tenth.
    assert np.histogram(u, bins=10, range=(0, 1))[0] / len(u) == pytest.approx(np.full(10, 0.1), abs=0.0106)


def test_draw_never_changes_between_versions() -> None:
    # Another number here would move customers between the arms of running campaigns.
    assert draw(["C00001"], campaign="retention", seed=1)[0] == pytest.approx(0.2556432978722524, abs=1e-15)


DAY = date(2024, 6, 30)


def arms(ids: list[str], strata: list[str], share: float, *, day: date = DAY, ledger: pa.Table | None = None):
    found, kept = assign(
        pa.array(ids, pa.string()),
        pa.array(strata, pa.string()),
        campaign="spring",
        seed=1,
        share=share,
        drawn_on=day,
        ledger=ledger,
    )
    return dict(zip(ids, found.tolist(), strict=True)), kept


@given(
    st.lists(st.tuples(st.text(max_size=4), st.sampled_from("ABC")), unique_by=lambda row: row[0], max_size=60),
    st.floats(0.01, 0.9),
)
def test_every_stratum_gives_its_share_to_within_one(rows: list[tuple[str, str]], share: float) -> None:
    held, kept = arms([i for i, _ in rows], [s for _, s in rows], share)
    for stratum in "ABC":
        ids = [i for i, s in rows if s == stratum]
        assert abs(sum(held[i] for i in ids) - share * len(ids)) < 1
    assert kept["customer_id"].to_pylist() == sorted(held, key=lambda i: i.encode())
    assert {r["customer_id"]: r["arm"] == "holdout" for r in kept.to_pylist()} == held


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.05, 0.5), st.randoms(use_true_random=False))
def test_who_was_drawn_keeps_the_arm_whoever_comes_and_in_whatever_order(n, more, share, random) -> None:
    old = [f"a{i}" for i in range(n)]
    before, ledger = arms(old, ["A"] * n, share)
    everybody = old + [f"b{i}" for i in range(more)]
    random.shuffle(everybody)
    later = {"day": date(2024, 7, 30), "ledger": ledger}
    after, kept = arms(everybody, ["B" if i.startswith("a") else "A" for i in everybody], share, **later)
    assert {i: after[i] for i in old} == before
    again, same = arms(everybody[::-1], ["C"] * len(everybody), share, day=date(2025, 1, 1), ledger=kept)
    assert (again, same.equals(kept)) == (after, True)


def test_who_left_the_candidates_keeps_a_place_in_the_ledger() -> None:
    _, ledger = arms(["a", "b"], ["A", "A"], 0.5)
    held, kept = arms(["c"], ["A"], 0.5, ledger=ledger)
    assert (list(held), kept["customer_id"].to_pylist()) == (["c"], ["a", "b", "c"])


def test_customers_who_come_one_by_one_have_the_same_chance() -> None:
    ledger, n_held = None, 0
    for number in range(400):
        held, ledger = arms([f"c{number}"], ["A"], 0.25, day=DAY + timedelta(days=number), ledger=ledger)
        n_held += held[f"c{number}"]
    # Five standard errors of a share of one quarter.
    assert n_held / 400 == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / 400) ** 0.5)


def test_without_a_share_nobody_is_set_aside_and_earlier_draws_stay_for_later() -> None:
    first, ledger = arms([f"c{i}" for i in range(20)], ["A"] * 20, 0.5)
    held, kept = arms(list(first), ["A"] * 20, 0.0, ledger=ledger)
    assert (any(held.values()), kept.equals(ledger)) == (False, True)
    assert arms(list(first), ["A"] * 20, 0.5, ledger=kept)[0] == first
