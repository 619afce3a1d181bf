import json
import subprocess

import numpy as np
import pytest
from feature_tables import feature_table

from churnml.errors import ModelError
from churnml.estimators import artifact, trial
from churnml.estimators.artifact import load, save
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.matrix import spec_of, to_matrix
from churnml.estimators.record import ModelRecord
from churnml.storage import digest_bytes, digest_file

TABLE, _, CHURNED, VALUE = feature_table()
SPEC = spec_of(TABLE, forbidden=["orders_noise"])
X = to_matrix(TABLE, SPEC)
META = {
    "data_window": {"from": "2024-01-01", "to": "2024-06-29"},
    "metrics": {"roc_auc": 0.81234},
    "limits": ["EU only"],
}


@pytest.fixture(scope="module")
def churn():
    return ChurnClassifier(max_rounds=10).fit(X, CHURNED, categorical=SPEC.categorical)


@pytest.fixture
def folder(churn, tmp_path):
    save(churn, SPEC, tmp_path / "churn", meta=META)
    return tmp_path / "churn"


def test_a_churn_model_comes_back_whole(churn, folder):
    loaded = load(folder)
    np.testing.assert_array_equal(loaded.model.churn_probability(X), churn.churn_probability(X))
    assert loaded.spec == SPEC
    assert loaded.meta == META
    assert loaded.digest == digest_file(folder / "model.json")


def test_a_value_model_comes_back_whole(tmp_path):
    model = ValueRegressor(measure="count", max_rounds=10).fit(X, np.rint(VALUE))
    digest = save(model, SPEC, tmp_path / "clv")
    loaded = load(tmp_path / "clv", digest=digest, trusted=True)
    np.testing.assert_array_equal(loaded.model.forecast(X), model.forecast(X))
    assert loaded.model.measure == "count"


def test_threads_leave_no_trace_in_the_files(tmp_path):
    for threads in (1, 2):
        model = ChurnClassifier(threads=threads, max_rounds=5).fit(X, CHURNED)
        save(model, SPEC, tmp_path / str(threads))
    for name in ("model.txt", "model.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_loaded_model_saves_to_the_same_bytes(folder, tmp_path):
    loaded = load(folder, trusted=True)
    save(loaded.model, loaded.spec, tmp_path / "again", meta=loaded.meta)
    for name in ("model.txt", "model.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("n_positions", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["model.txt", "model.json"])
def test_mr_02_one_flipped_bit_is_refused_at_every_position(folder, name, n_positions, monkeypatch):
    monkeypatch.setattr(artifact, "_parsed", lambda text: pytest.fail("parsed before the digest was checked"))
    whole = (folder / name).read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), n_positions).tolist():
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        (folder / name).write_bytes(damaged)
        with pytest.raises(ModelError, match="altered") as caught:
            load(folder, trusted=True)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["model.txt", "model.json"])
def test_a_cut_or_absent_file_is_refused(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="altered"):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match="not found"):
        load(folder)


def test_another_model_than_the_expected_one_is_refused(folder):
    with pytest.raises(ModelError, match="not the expected model"):
        load(folder, digest="0" * 64)


def _reseal(folder, text, **changes):
    facts = json.loads((folder / "model.json").read_bytes())
    del facts["seal"]
    facts |= {"texts": {"model.txt": digest_bytes(text)}, **changes}
    (folder / "model.txt").write_bytes(text)
    (folder / "model.json").write_bytes(ModelRecord.sealed(facts))


def test_trees_that_kill_their_reader_do_not_kill_this_process(folder):
    text = (folder / "model.txt").read_bytes()
    _reseal(folder, text[: len(text) // 2])
    with pytest.raises(ModelError, match="could not be read"):
        load(folder)


def test_trees_that_ask_for_too_much_memory_are_given_up(folder):
    text = (folder / "model.txt").read_bytes()
    _reseal(folder, text.replace(b"max_feature_idx=", b"max_feature_idx=20000000", 1))
    with pytest.raises(ModelError, match=r"could not be read"):
        load(folder)


def test_the_trial_may_write_no_file_and_take_no_more_than_its_time(folder, monkeypatch, tmp_path):
    asked = "import resource; print([resource.getrlimit(getattr(resource, f'RLIMIT_{n}'))[0] for n in NAMES])"
    own = asked.replace("NAMES", "('CPU', 'CORE', 'FSIZE')")
    monkeypatch.setattr(trial, "_TRIAL", trial._TRIAL.partition("import lightgbm")[0] + own + "; sys.exit(1)")
    said = []
    run = subprocess.run
    monkeypatch.setattr(trial.subprocess, "run", lambda *a, **k: said.append(run(*a, **k)) or said[0])
    with pytest.raises(ModelError, match="could not be read"):
        load(folder, timeout_seconds=7)
    assert said[0].stdout == b"[7, 0, 0]\n"


def test_trees_that_run_for_ever_are_given_up(folder, monkeypatch):
    endless = "print(0, flush=True)\nwhile 1: pass"
    monkeypatch.setattr(trial, "_TRIAL", trial._TRIAL.partition("import lightgbm")[0] + endless)
    with pytest.raises(ModelError, match=r"model\.txt: the trees could not be read in time"):
        load(folder, timeout_seconds=1)


def test_trees_that_hang_their_reader_are_given_up(folder, monkeypatch):
    def hang(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(trial.subprocess, "run", hang)
    with pytest.raises(ModelError, match="in time"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "pickle"},
        {"format": 1},
        {"hook": "os.system"},
        {"features": []},
        {"levels": {"unknown": ["a"]}},
        {"texts": {}},
        {"texts": {"model.txt": "0" * 64, "../model.x.txt": "0" * 64}},
        {"state": {"calibrator": {"slope": -1.0, "intercept": 0.0}}},
    ],
)
def test_a_sealed_record_of_another_form_is_refused(folder, changes):
    _reseal(folder, (folder / "model.txt").read_bytes(), **changes)
    with pytest.raises(ModelError, match="not a model record of a known form"):
        load(folder, trusted=True)


def test_a_record_with_another_number_of_features_is_refused(folder):
    _reseal(folder, (folder / "model.txt").read_bytes(), features=[*SPEC.names, "more"])
    with pytest.raises(ModelError, match="different numbers of features"):
        load(folder, trusted=True)
