from __future__ import annotations

import pyarrow as pa
import pytest
from factories import AS_OF, DAY
from memory_history import COLUMNS, memory_history

from churnml.campaign.plan import ActionPlan, CampaignPlan
from churnml.config import Params
from churnml.flow.effects import past_effects, with_past_effects
from churnml.histories.store import History

N, CONTACTED = 400, AS_OF - 100 * DAY
EVENTS = {"kind": "events", "file": "o.csv", "id": "id", "time": "at"}


def params(*, channel: str | None = "channel") -> Params:
    contacts = {**EVENTS, "categories": ["channel", "arm"]}
    return Params.model_validate(
        {
            "histories": {"folder": "raw", "as_of": "2022-01-08", "tables": {"orders": EVENTS, "contacts": contacts}},
            "churn": {"definition": "inactivity", "table": "orders", "horizon_days": 30},
            "treatments": {
                "table": "contacts",
                "column": "arm",
                "channel": channel,
                "treated": ["treated"],
                "control": ["control"],
            },
        }
    )


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> History:
    """Everybody orders within the horizon; of the control group each second leaves then, of the treated each fourth."""
    monkeypatch.setitem(COLUMNS, "events", COLUMNS["events"] | {"c:arm": pa.string()})
    orders, contacts = [], []
    for number in range(N):
        name, treated = f"c{number:03d}", number % 2 == 0
        leaves = (number // 2) % (4 if treated else 2) == 0
        days = (5,) if leaves else (5, 40)
        orders += [{"id": name, "occurred_at": CONTACTED + day * DAY} for day in days]
        arm = "treated" if treated else "control"
        contacts.append({"id": name, "occurred_at": CONTACTED, "channel": "call", "arm": arm})
    return memory_history(AS_OF, {"orders": ("events", orders), "contacts": ("events", contacts)})


def test_the_effect_is_that_against_the_control_group(company: History) -> None:
    found = past_effects(params(), company)["call"]
    assert (found.n_treated, found.n_control, found.left_treated, found.left_control) == (200, 200, 50, 100)
    assert found.effect == pytest.approx(0.5)


def test_a_learned_effect_takes_the_place_of_the_assumed_one_where_asked(company: History) -> None:
    actions = (
        ActionPlan("call", ("phone",), 0.1, is_learned=True),
        ActionPlan("gift", ("phone",), 0.2, is_learned=True),
        ActionPlan("visit", ("phone",), 0.3),
    )
    plan = with_past_effects(CampaignPlan(name="spring", actions=actions), params(), company)
    assert [action.effect for action in plan.actions] == pytest.approx([0.5, 0.2, 0.3])
    assert plan.actions[0].effect_low < 0.5 < plan.actions[0].effect_high


def test_without_names_of_actions_nothing_is_learned(company: History) -> None:
    assert past_effects(params(channel=None), company) == {}
