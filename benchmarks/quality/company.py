"""The simulated company: how near the models come to the true chances, which no company knows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from benchmarks.quality.run import learned_scores
from churnml.metrics import decile_table, interval_coverage_score, normalised_gini_score, roc_auc_score, total_ratio
from churnml.parquet import read_parquet
from churnml.simulation import simulate

__all__ = ["company_figures"]

Floats = npt.NDArray[np.float64]
_PARAMS = Path(__file__).parents[2] / "params.yaml"


def company_figures(*, n_customers: int, months: int, seed: int) -> dict[str, Any]:
    """Simulate, train up to the end, and compare with the truth and with what came after the end.

    Returns
    -------
    dict
        ``auc`` and ``auc_of_truth`` over who stays silent for 90 days, their ratio; ``worst_decile``: the largest
        distance of a decile's predicted from its true mean chance, relative to the latter; for value ``gini``,
        ``gini_of_truth``, ``total`` and ``coverage`` of the 80 % interval.
    """
    raw = yaml.safe_load(_PARAMS.read_text(encoding="utf-8"))
    end = raw["simulate"]["end"]
    raw["histories"]["folder"] = "data/raw"
    raw["clv"] |= {"margin": 1.0, "discount_rate_yearly": 0.0}
    with tempfile.TemporaryDirectory(prefix="churnml-quality-") as name:
        folder = Path(name)
        given = {"n_customers": n_customers, "months": months, "seed": seed, "end": end}
        simulate(**given, folder=folder / "data", truth=folder / "truth")
        scored = learned_scores(raw, folder / "data", folder / "learn")
        truth = read_parquet(folder / "truth" / "customers.parquet")
    place = pc.index_in(scored["customer_id"], value_set=truth["customer_id"].combine_chunks())
    truth = truth.take(place)
    silent, true_p = _column(truth, "future_n_orders_90d") == 0, _column(truth, "p_no_order_90d")
    p, value = _column(scored, "p_churn"), _column(truth, "future_value_365d")
    deciles = decile_table(true_p, p)
    auc, best = roc_auc_score(silent, p), roc_auc_score(silent, true_p)
    bounds = _column(scored, "low"), _column(scored, "high")
    return {
        "n": scored.num_rows,
        "silent": float(silent.mean()),
        "auc": auc,
        "auc_of_truth": best,
        "auc_ratio": auc / best,
        "worst_decile": float(np.max(np.abs(deciles.predicted_mean / deciles.actual_mean - 1.0))),
        "mean_p_over_true": float(p.mean() / true_p.mean()),
        "gini": normalised_gini_score(value, _column(scored, "value")),
        "gini_of_truth": normalised_gini_score(value, _column(truth, "value_365d")),
        "total": total_ratio(value, _column(scored, "value")),
        "coverage": interval_coverage_score(value, *bounds),
    }


def _column(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)
