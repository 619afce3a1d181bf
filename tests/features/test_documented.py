"""The examples of docs/features.md, run on a small invented company."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_company import PROJECT, small_params

from churnml.config import Params
from churnml.features.dictionary import describe
from churnml.features.own import own_features
from churnml.flow.own import read_own
from churnml.flow.raw import read_histories
from churnml.histories.bucket import Bucket
from churnml.simulation import simulate

TEXT = (PROJECT / "docs" / "features.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Params]:
    root = tmp_path_factory.mktemp("documented")
    simulate(n_customers=100, months=20, seed=1, end="2024-06-30", folder=root / "data/simulated", truth=root / "truth")
    (root / "features").mkdir()
    for code in blocks("python") + blocks("sql"):
        name = re.search(r"features/\w+\.(py|sql)", code)[0]
        with (root / name).open("a", encoding="utf-8") as file:
            file.write(code)
    chosen, own = (yaml.safe_load(text)["features"] for text in blocks("yaml"))
    late = {"name": "late_hours", "function": "features/own_features.py:late_hours", "table": "orders"}
    own = [*own["own"], late | {"unit": "share", "meaning": {"en": "Late orders", "zh": "\u6df1\u591c\u8ba2\u5355"}}]
    return root, Params.model_validate(small_params({"features": chosen | {"own": own}}))


def test_examples_give_values(project: tuple[Path, Params]) -> None:
    root, params = project
    history = read_histories(params, root=root, target=root / "prepared")
    own = read_own(params, root=root)
    bucket = Bucket(history, 0)
    n = len(bucket.customers)
    at = np.full(n, history.as_of)
    columns = own_features(bucket, bucket, history, own, np.arange(n), at)
    assert [*columns.values] == ["own_basket_variety", "own_tickets_per_order", "own_late_hours"]
    variety, tickets, late = columns.values.values()
    assert (variety > 1).any()
    assert np.nanmax(tickets) > 0
    assert ((late >= 0) & (late <= 1) | np.isnan(late)).all()
    entry = describe(columns.features)[1]
    assert (entry["source"], entry["unit"]) == ("orders+tickets", "ratio")
    assert entry["words"]["en"] == "Service tickets per order in the last year"


def test_every_family_is_documented() -> None:
    table = TEXT[TEXT.index("| family") : TEXT.index("```yaml")]
    assert set(re.findall(r"`(\w+)`", table)) == set(Params.model_fields["features"].default.families)
