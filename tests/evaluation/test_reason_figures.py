from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from churnml.evaluation.reason_figures import reason_figures

N = 300


def checked(*, kept: object = None) -> pa.Table:
    draw = np.random.default_rng(3)
    drop = draw.normal(0.1, 0.02, N)
    nothing = pa.nulls(N, pa.float64())
    return pa.table(
        {
            "customer_id": [f"c{k // 2:03d}" for k in range(N)],
            "drop": drop,
            "drop_other": drop / 10,
            "beats_other": draw.choice([0.8, 1.0], N),
            "is_first_kept": nothing if kept is None else pa.array(np.full(N, kept)),
            "kept": nothing,
        }
    )


def test_means_with_intervals_of_whole_customers() -> None:
    found = reason_figures(checked(kept=1.0))
    assert (found["n_rows"], found["n_customers"]) == (N, N // 2)
    assert found["drop_low"] < found["drop"] < found["drop_high"] < 0.11
    assert found["drop_other"] == pytest.approx(found["drop"] / 10)
    assert found["is_first_kept"] == found["is_first_kept_low"] == found["is_first_kept_high"] == 1.0


def test_what_cannot_be_told_is_none() -> None:
    assert reason_figures(checked())["kept_low"] is None
    assert reason_figures(None) is None
    assert reason_figures(checked().slice(0, 0)) is None
