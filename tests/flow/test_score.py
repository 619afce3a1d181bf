"""One path from histories to scores: the pipeline's and the command's, in whatever batches."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from churnml.config import load_params
from churnml.errors import ModelError
from churnml.flow import fresh
from churnml.flow import score as scoring
from churnml.flow.fresh import open_models, score_as_of
from churnml.histories.store import open_history
from churnml.parquet import parquet_schema
from churnml.storage import digest_file

SCORES = Path("data") / "scored" / "scores.parquet"


def test_the_command_gives_the_pipelines_scores_to_the_last_byte(golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "fresh.parquet"
    told = score_as_of(load_params(golden / "params.yaml"), root=golden, reference="models/churn", out=out)
    assert out.read_bytes() == (golden / SCORES).read_bytes()
    assert told == json.loads((tmp_path / "fresh.parquet.manifest.json").read_text())
    assert told["sha256"] == digest_file(golden / SCORES)
    assert (told["rows"], list(told["schema"])) == (pq.read_metadata(out).num_rows, list(scoring.SCORES))
    assert told["models"]["churn"]["sha256"] == digest_file(golden / "models" / "churn" / "model.json")
    assert set(told["code"]) == {"version", "sha256"}
    assert told["data_sha256"] == open_history(golden / "data" / "prepared").digests
    assert not list((golden / "data").glob(".score*"))


@pytest.mark.parametrize(("batch", "stored", "threads"), [(1, 1, 1), (7, 3, 3)])
def test_batches_and_threads_change_no_byte(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, stored: int, threads: int
) -> None:
    monkeypatch.setattr(scoring, "_BATCH_ROWS", batch)
    monkeypatch.setattr("churnml.flow.sorted_files._STORED_ROWS", stored)
    monkeypatch.setattr("churnml.flow.sorted_files._HELD_ROWS", stored)
    monkeypatch.setattr("churnml.estimators.walk._WORTH_READING", 0)
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data" / "prepared")
    params = params.model_copy(update={"train": params.train.model_copy(update={"threads": threads})})
    models = scoring.load_models(golden / "models" / "churn", golden / "models" / "clv")
    out = tmp_path / "scores.parquet"
    scoring.score(params, history, models, out, features=golden / "data" / "features", backtest=None)
    assert parquet_schema(out) == parquet_schema(golden / SCORES)
    assert out.read_bytes() == (golden / SCORES).read_bytes()


@pytest.mark.parametrize("has_value", [True, False])
def test_an_alias_that_moves_meanwhile_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_value: bool
) -> None:
    champion, fetched = {"churn": 3, **({"clv": 5} if has_value else {})}, []

    def tags_of(_: Path, model: str, *, alias: str) -> tuple[int, dict[str, str]]:
        if model not in champion:
            raise ModelError("the registry has no such version", rule="model.not_registered")
        return champion[model], {}

    def fetch(_: Path, reference: str, folder: Path) -> Path:
        fetched.append(reference)
        champion.update(churn=4, clv=6)
        return folder

    monkeypatch.setattr(fresh.tracking, "tags_of", tags_of)
    monkeypatch.setattr(fresh.tracking, "fetch", fetch)
    monkeypatch.setattr(fresh, "load", lambda folder: SimpleNamespace(digest=folder.name * 4))
    monkeypatch.setattr(fresh, "require_promoted", lambda *_: None)
    opened = open_models(tmp_path, "models:/churn@champion", folder=tmp_path)
    assert fetched == list(opened.references.values()) == ["models:/churn/3", *(["models:/clv/5"] if has_value else [])]
    assert (opened.models.value is not None) == has_value
