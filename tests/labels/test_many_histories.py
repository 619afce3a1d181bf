from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY, WINDOWS
from memory_history import memory_history
from oracles import labels as oracle
from oracles import spells as spells_oracle
from random_histories import named, random_events, random_spells

from churnml.features.plan import FeaturePlan
from churnml.features.spells import spell_features
from churnml.histories.bucket import Bucket
from churnml.labels.churn import CENSORED, churn_labels
from churnml.labels.value import ValueDefinition, value_labels
from churnml.snapshots.population import ChurnDefinition, at_risk
from churnml.timeline import OutcomeWindow

DATES = (AS_OF - 120 * DAY, AS_OF - 60 * DAY, AS_OF - 33 * DAY)
N_EACH = 500


def expected(orders: list, plans: list, t: int) -> dict[str, object]:
    """Return everything the slow loops say of one customer at one date."""
    rules = {"lead": 2, "horizon": 25, "grace": 3, "reasons": ("price",)}
    ended = oracle.spell_outcome(plans, t, **rules)
    left = oracle.event_outcome(orders, t, "web", lead=2, horizon=28)
    return {
        "active": oracle.active_within(orders, t, 90),
        "silent": oracle.silent(orders, t, lead=2, horizon=28),
        "left": CENSORED if left is None else left,
        "in_force": oracle.in_force(plans, t),
        "ended": CENSORED if ended is None else ended,
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_tl_03_ten_thousand_histories_equal_the_slow_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    orders = {f"c{i}": random_events(rng, DATES) for i in range(N_EACH)}
    plans = {f"c{i}": random_spells(rng, DATES) for i in range(N_EACH)}
    history = memory_history(AS_OF, {"orders": ("events", named(orders)), "plans": ("spells", named(plans))})
    bucket = Bucket(history, 0)
    names = bucket.customers.to_pylist()
    rows = np.repeat(np.arange(len(names)), 3), np.tile(np.array(DATES, np.int64), len(names))
    plain, graced = OutcomeWindow.of_days(horizon_days=28, lead_days=2), OutcomeWindow(25 * DAY, 2 * DAY, 3 * DAY)
    silence = ChurnDefinition("inactivity", "orders", active_within_us=90 * DAY)
    event = ChurnDefinition("event", "orders", event_column="channel", event_values=("web",))
    spell = ChurnDefinition("spell_end", "plans", end_reasons=("price",))
    found = {
        "active": at_risk(bucket, history, silence, *rows),
        "silent": churn_labels(bucket, silence, plain, *rows, settled_until=AS_OF),
        "left": churn_labels(bucket, event, plain, *rows, settled_until=AS_OF),
        "in_force": at_risk(bucket, history, spell, *rows),
        "ended": churn_labels(bucket, spell, graced, *rows, settled_until=AS_OF),
    }
    paid = value_labels(bucket, ValueDefinition("plans", "amount"), *rows, horizon_us=33 * DAY, is_spells=True)
    columns = spell_features(bucket, history.tables["plans"], FeaturePlan(WINDOWS), *rows).values
    for place, (who, t) in enumerate(zip(*rows, strict=True)):
        own = orders.get(names[who], []), plans.get(names[who], [])
        assert {name: values[place] for name, values in found.items()} == expected(*own, int(t))
        assert paid[place] == pytest.approx(oracle.accrued(own[1], int(t), horizon=33, margin=1, rate=0))
        for name, value in spells_oracle.spell_features(own[1], int(t), WINDOWS).items():
            assert columns[f"plans_{name}"][place] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), name
