"""What a campaign earns in truth, beside full knowledge, the highest risk first, and chance, under the same limits.

Usage: python -m benchmarks.targeting [n_customers] [seed]

A company is simulated and scored by the default pipeline; the true effect of each action in each segment (the share of
the leaving within 90 days that it prevents) is given, as by an experiment without noise. What an action earns with a
customer in truth is

    (fall of the probability of leaving within 90 days) x (value lost by leaving) - cost

where the value lost is that of a customer who stays, less what comes before the leaving (in the middle of the 90 days):
``value_365d x margin x (1 - s) / (1 - p (1 - s))`` with ``s = 45 / 365``. With the gone only the cost is lost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from benchmarks.measure import REPOSITORY, run
from benchmarks.state_filter import foretold_leaving
from churnml.campaign.allocate import Limit, allocate
from churnml.campaign.gain import Estimate, expected_gains

Floats = npt.NDArray[np.float64]
ACTIONS = {"call": ("phone", 9.0), "email": ("email", 0.5), "discount": ("email", 5.0)}
"""Action -> channel and cost; the effects are those of the simulated company."""
COST = np.array([cost for _, cost in ACTIONS.values()])
MARGIN, SHARE_BEFORE = 0.35, 45 / 365
STAGES = ("simulate", "prepare", "snapshots", "featurize", "label", "train_churn", "train_clv", "score")


def scored_company(n_customers: int, seed: int, folder: Path) -> Path:
    """Run the stages of dvc.yaml up to the scores, once, and return the project's folder."""
    root = folder / f"{n_customers}-{seed}"
    root.mkdir(parents=True, exist_ok=True)
    if (root / "data/scored/scores.parquet").exists():
        return root
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    params["simulate"] |= {"customers": n_customers, "seed": seed}
    params.pop("campaign", None)  # its files are not here, and no list is made
    (root / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name in ("configure", *STAGES):
        command = stages[name]["cmd"].replace("${histories.folder}", "data/simulated").split()
        run([command[0], str(REPOSITORY / command[1]), *command[2:]], folder=root)
    return root


class Company:
    """What is known of each customer, and what is true."""

    def __init__(self, root: Path) -> None:
        self.scores = pq.read_table(root / "data/scored/scores.parquet").sort_by("customer_id").combine_chunks()
        ids = self.scores["customer_id"].combine_chunks()
        self.truth = _beside(ids, root / "data/simulated_truth/customers.parquet")
        people = _beside(ids, root / "data/simulated/customers.parquet")
        self.segment = people["segment"].to_numpy(zero_copy_only=False).astype(str)
        self.foretold = foretold_leaving(root, ids, self.segment)
        may = {
            channel: pc.and_(pc.equal(people[f"consent_{channel}"], "yes"), pc.is_valid(people[channel]))
            for channel in ("phone", "email")
        }
        columns = [pc.fill_null(may[channel], False).to_numpy(zero_copy_only=False) for channel, _ in ACTIONS.values()]
        self.may = np.column_stack(columns)

    def score(self, name: str) -> Floats:
        return _numbers(self.scores[name])

    @property
    def p_leave(self) -> Floats:
        return np.nan_to_num(_numbers(self.truth["p_churn_90d"]))

    @property
    def fall(self) -> Floats:
        columns = [np.nan_to_num(-_numbers(self.truth[f"effect_{name}_90d"])) for name in ACTIONS]
        return np.column_stack(columns)

    @property
    def lost(self) -> Floats:
        kept = 1 - SHARE_BEFORE
        return _numbers(self.truth["value_365d"]) * MARGIN * kept / (1 - self.p_leave * kept)

    def effects(self) -> Floats:
        """Return the share of the leaving that each action prevents in the customer's segment."""
        found = np.zeros_like(self.fall)
        for level in np.unique(self.segment):
            rows = self.segment == level
            found[rows] = self.fall[rows].sum(axis=0) / self.p_leave[rows].sum()
        return found


def compared(company: Company, *, scale: float) -> dict[str, float]:
    """Return what each way of choosing earns in truth."""
    n, may = len(company.segment), company.may
    truth = company.fall * company.lost[:, None] - COST
    channels = np.array([channel for channel, _ in ACTIONS.values()])
    limits = [
        Limit("budget", 0.15 * n * scale, COST),
        Limit("phone", 0.01 * n * scale, (channels == "phone").astype(float)),
        Limit("email", 0.05 * n * scale, (channels == "email").astype(float)),
        Limit("contacts", 0.05 * n * scale, np.ones(len(COST))),
    ]

    def earned(choice: npt.NDArray[Any]) -> float:
        taken = np.flatnonzero(choice >= 0)
        return float(truth[taken, choice[taken]].sum())

    def best(gain: Floats) -> float:
        return earned(allocate(np.where(may, gain, np.nan), limits).choice)

    effects, p_churn, p_leave = company.effects(), company.score("p_churn"), company.score("p_leave")
    at_risk = ~np.isnan(p_churn)
    lost = np.divide(company.score("value_at_stake"), p_leave, out=np.zeros(n), where=p_leave > 0)
    by_effect = np.where(may, effects, -1.0).argmax(axis=1)
    order = np.argsort(np.where(at_risk, -p_churn, 1.0), kind="stable")[: int(at_risk.sum())]
    drawn = np.random.default_rng(1).permutation(np.flatnonzero(at_risk))
    alive = np.where(at_risk, company.p_leave, np.nan)
    return {
        "full knowledge": best(truth),
        "chosen": best(expected_gains(Estimate(p_leave), Estimate(lost), Estimate(effects), cost=COST).expected),
        "p_churn x clv": best((p_churn * company.score("clv"))[:, None] * effects - COST),
        "highest risk first": earned(_walked(order, by_effect, may, limits)),
        "random": earned(_walked(drawn, by_effect, may, limits)),
        "true risk and value, effect of the segment": best((alive * company.lost)[:, None] * effects - COST),
        "true risk, own value": best((alive * lost)[:, None] * effects - COST),
        "own risk, true value": best((p_leave * company.lost)[:, None] * effects - COST),
        "risk by a filter of the true rates, true value": best(
            (np.where(at_risk, company.foretold, np.nan) * company.lost)[:, None] * effects - COST
        ),
    }


def _walked(order: npt.NDArray[Any], action: npt.NDArray[Any], may: npt.NDArray[np.bool_], limits: list[Limit]) -> Any:
    """Give each customer in turn the action that works best in the segment, while there is room."""
    choice, room = np.full(len(may), -1), np.array([limit.at_most for limit in limits])
    weights = np.array([limit.weights for limit in limits])
    for row in order:
        if may[row, action[row]] and (weights[:, action[row]] <= room).all():
            choice[row] = action[row]
            room = room - weights[:, action[row]]
    return choice


def _beside(ids: pa.Array, path: Path) -> pa.Table:
    table = pq.read_table(path)
    return table.take(pc.index_in(ids, value_set=table["customer_id"].combine_chunks()))


def _numbers(column: pa.ChunkedArray) -> Floats:
    return pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()


def main() -> int:
    n_customers, seed = (int(a) for a in (*sys.argv[1:], *("100000", "7")[len(sys.argv) - 1 :]))
    company = Company(scored_company(n_customers, seed, REPOSITORY / "data" / "bench" / "targeting"))
    for scale in (0.3, 1.0, 3.0):
        found = compared(company, scale=scale)
        whole, risk = found["full knowledge"], found["highest risk first"]
        print(f"contacts for {5 * scale:g} % of {n_customers:,} customers, seed {seed}")
        for name, earned in found.items():
            print(f"  {name:45s} {earned:12,.0f}  {earned / whole:7.1%} of full knowledge")
        against = f"{found['chosen'] / risk:.2f} x highest risk first" if risk > 0 else "highest risk first loses money"
        print(f"  chosen: {found['chosen'] / whole:.1%} of full knowledge (goal 90 %); {against} (goal 1.5 x)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
