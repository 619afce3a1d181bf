"""Compiles every loop once, on a tiny invented company: ``python -m churnml.flow.compile``, a part of the set-up.

The compiled code is kept beside the source, so that no later run waits for it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from churnml.campaign.allocate import Limit, allocate
from churnml.config import Params
from churnml.estimators.shapley import TreeExplainer
from churnml.estimators.tree_text import trees_of
from churnml.estimators.walk import TreeWalk
from churnml.flow.featurize import featurize
from churnml.flow.label import label
from churnml.flow.loyal_alarm import make_loyal_alarm
from churnml.flow.plan import campaign_plan
from churnml.flow.raw import prepare_histories
from churnml.flow.spine import make_spine
from churnml.flow.winback import make_winback
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.metrics import concordance_score
from churnml.relationship.known import BucketAt
from churnml.relationship.roles import TicketRole
from churnml.relationship.tickets import tickets_of
from churnml.simulation import simulate

__all__ = ["TABLES", "compile_all"]

_END = "2024-06-30"
TABLES = {
    "customers": {"kind": "customers", "file": "customers.parquet", "id": "customer_id", "categories": ["segment"]},
    "orders": {
        "kind": "events",
        "file": "orders.parquet",
        "id": "customer_id",
        "time": "ordered_at",
        "known_at": "loaded_at",
        "amount": "net_amount",
        "numbers": ["items"],
        "categories": ["channel"],
    },
    "baskets": {
        "kind": "events",
        "file": "orders.parquet",
        "id": "customer_id",
        "time": "ordered_at",
        "known_at": "loaded_at",
        "categories": ["channel"],
        "key": ["order_id"],
        "group": ["order_id"],
    },
    "plans": {
        "kind": "spells",
        "file": "subscriptions.parquet",
        "id": "customer_id",
        "start": "starts_on",
        "end": "ends_on",
        "planned_end": "planned_end",
        "amount": "monthly_fee",
    },
    "changes": {
        "kind": "calendar",
        "file": "company_changes.parquet",
        "time": "starts_at",
        "end": "ends_at",
        "type": "type",
        "scope": "scope",
        "value": "value",
    },
}
"""Roles of the invented company's tables: one of each kind, and one whose lines are grouped."""
_DEFINITIONS: tuple[dict[str, Any], ...] = (
    {"churn": {"definition": "inactivity", "table": "orders"}, "clv": {"table": "orders"}},
    {"churn": {"definition": "spell_end", "table": "plans"}, "clv": {"table": "plans"}},
    {
        "churn": {"definition": "event", "table": "orders", "event": {"column": "channel", "values": ["shop"]}},
        "clv": {"table": "orders"},
    },
)


def compile_all() -> None:
    """Run the compiled part of the flow once for each definition of churn, in a folder that is removed again."""
    with tempfile.TemporaryDirectory(prefix="churnml-compile-") as folder:
        root = Path(folder)
        simulate(n_customers=100, months=24, seed=1, end=_END, folder=root / "raw", truth=root / "truth")
        for number, blocks in enumerate(_DEFINITIONS):
            here = root / str(number)
            histories = {"folder": "raw", "as_of": _END, "tables": TABLES}
            params = Params.model_validate({"histories": histories, "snapshots": {"count": 4}, **blocks})
            history = prepare_histories(
                params,
                root=root,
                target=here / "prepared",
                check=here / "check.json",
                check_page=here / "check.html",
            )
            make_spine(history, params, here / "spine")
            label(history, params, here / "spine", here / "labels")
            _lists(params, history, here / "labels")
            if not number:
                _tickets(history)
                featurize(history, params, here / "spine", here / "features", root=root)
    allocate(np.ones((2, 1)), [Limit("one", 1.0, np.ones(1))])
    concordance_score(np.arange(3.0), np.arange(3.0), np.ones(3))
    _explain()


def _tickets(history: History) -> None:
    """Find the answers of tickets: the table of orders stands for both."""
    tickets_of(BucketAt(history, 0, history.as_of), TicketRole("orders", answers="orders"))


def _explain() -> None:
    X = np.arange(100, dtype=np.float32)[:, None]
    settings = {"verbose": -1, "num_threads": 1, "num_leaves": 3, "min_data_in_leaf": 5}
    booster = lgb.train(settings, lgb.Dataset(X, X[:, 0]), num_boost_round=1)
    TreeExplainer.of(booster)(X)
    TreeWalk.of(trees_of(booster))(X)


def _lists(params: Params, history: History, labels: Path) -> None:
    """Run what the lists beside the retention list compute."""
    known = pa.concat_arrays([Bucket(history, number).customers for number in range(history.n_buckets)])
    n = len(known)
    texts = ("risk_band", "reason_1", "reason_2", "reason_3", "model_version")
    numbers = {name: pa.array(np.ones(n)) for name in ("p_churn", "clv", "value_at_risk")}
    scores = pa.table({"customer_id": known, **numbers, **{name: pa.array([""] * n) for name in texts}})
    make_winback(params, history, scores, None, plan=campaign_plan(params), labels=labels)
    make_loyal_alarm(params, history, scores, None, plan=campaign_plan(params), labels=labels)


if __name__ == "__main__":
    compile_all()
