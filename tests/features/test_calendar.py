from __future__ import annotations

import math

import numpy as np
import pytest
from factories import AS_OF, DAY, WINDOWS
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_history import memory_history
from oracles import spells as spells_oracle
from oracles.features import calendar_features as oracle
from random_histories import instant, named, random_spells

from churnml.errors import DataError
from churnml.features.calendar import calendar_features
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF)
PEOPLE = [{"id": f"c{i}", "joined": AS_OF - 900 * DAY, "segment": "ab"[i % 2]} for i in range(6)]
T = AS_OF - 60 * DAY


def company(entries: list[dict], plans: dict[str, list] | None = None) -> History:
    tables = {"customers": ("customers", PEOPLE), "plans": ("spells", named(plans or {}))}
    return memory_history(AS_OF, {**tables, "changes": ("calendar", entries)})


def features_of(history: History, dates: tuple[int, ...] = DATES) -> dict[tuple[str, int], dict[str, float]]:
    bucket = Bucket(history, 0)
    who, when = np.repeat(np.arange(6), len(dates)), np.tile(np.array(dates, np.int64), 6)
    plan = FeaturePlan(WINDOWS, {"changes.type": ("outage",)})
    columns = calendar_features(bucket, bucket, history, history.tables["changes"], plan, who, when)
    numbers = {name.removeprefix("changes_"): v for name, v in columns.values.items() if isinstance(v, np.ndarray)}
    return {
        (f"c{i}", t): {name: float(values[r]) for name, values in numbers.items()}
        for r, (i, t) in enumerate(zip(who, when.tolist(), strict=True))
    }


def entry(starts: int, *, scope: str = "", **more: object) -> dict:
    return {"occurred_at": starts, "ended_at": None, "type": "price", "scope": scope, "value": 1.0, **more}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_exposure_equals_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entries = []
    for _ in range(int(rng.integers(0, 9))):
        start, scope = instant(rng, DATES), str(rng.choice(["", " ", "segment=a", "segment = b", "tier=plus"]))
        announced = start - int(rng.integers(-5, 30)) * DAY
        end = start + int(rng.integers(0, 30)) * DAY if rng.random() < 0.5 else None
        entries.append(entry(start, scope=scope, known_at=announced, ended_at=end, superseded_at=None))
    plans = {f"c{i}": random_spells(rng, DATES) for i in range(6)}
    for (name, t), found in features_of(company(entries, plans)).items():
        segment, has_plus = (
            "ab"[int(name[1]) % 2],
            spells_oracle.in_force([r for r in plans[name] if r["tier"] == "plus"], t),
        )
        scopes = {"", f"segment={segment}", *(["tier=plus"] if has_plus else [])}
        mine = [e | {"scope": ""} for e in entries if e["scope"].replace(" ", "") in scopes]
        for measure, value in oracle(mine, t, WINDOWS, None).items():
            assert found[measure] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), measure


def test_what_is_announced_lies_ahead_from_then_on() -> None:
    found = features_of(company([entry(T + 20 * DAY, known_at=T)]), (T - 1, T, T + 20 * DAY))
    assert math.isnan(found["c0", T - 1]["any_ahead_days"])
    assert found["c0", T]["any_ahead_days"] == 20
    assert found["c0", T]["any_count_all"] == 0
    assert (found["c0", T + 20 * DAY]["any_count_7d"], found["c0", T + 20 * DAY]["any_since_days"]) == (1, 0)


def test_an_announcement_withdrawn_counts_until_then() -> None:
    found = features_of(company([entry(T + 20 * DAY, known_at=T, superseded_at=T + DAY)]), (T, T + DAY))
    assert found["c0", T]["any_ahead_days"] == 20
    assert math.isnan(found["c0", T + DAY]["any_ahead_days"])


def test_a_scope_can_be_the_plan_in_force() -> None:
    spell = {"known_at": None, "planned_end": None, "amount": 10, "end_reason": None, "superseded_at": None}
    plans = {"c0": [spell | {"started_at": T - 9 * DAY, "ended_at": T, "tier": "plus"}]}
    found = features_of(company([entry(T - 20 * DAY, scope="tier=plus")], plans), (T - DAY, T))
    assert [found["c0", t]["any_count_all"] for t in (T - DAY, T)] == [1, 0]
    assert found["c1", T - DAY]["any_count_all"] == 0


@pytest.mark.parametrize(("scope", "advice"), [("segmnet=a", "Did you mean segment"), ("x", "declare the category")])
def test_a_scope_that_names_no_category_is_refused(scope: str, advice: str) -> None:
    with pytest.raises(DataError, match=f"changes.parquet: scope: .*{advice}"):
        features_of(company([entry(T, scope=scope)]))


def test_exposure_is_the_same_for_many_scopes() -> None:
    entries = [entry(T - i * DAY, scope=f"segment={i}") for i in range(80)] + [entry(T, scope="segment=a")]
    found = features_of(company(entries), (T,))
    assert [found[f"c{i}", T]["any_count_all"] for i in range(6)] == [1, 0, 1, 0, 1, 0]
