"""What scoring costs beside a bare program, and how much memory it takes as customers grow in number.

Both read the same Parquet files of ready features and write a probability a row; the bare program calls LightGBM.
Usage: python -m benchmarks.score make FOLDER N_ROWS | bare FEATURES MODEL OUT | model FOLDER FEATURES
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from benchmarks.figures import Results
from benchmarks.measure import Usage, ratio, rounds, run
from benchmarks.project import Project
from benchmarks.size import CAP
from benchmarks.work import Work

N_FEATURES, N_FILES, LEARNED = 60, 8, 50_000
PROGRAM = ["python", "-c", "from churnml.cli import main; main()", "score"]


def beside_lightgbm(folder: Path, n_rows: int, results: Results, n_rounds: int) -> None:
    """Compare whole processes, in turn."""
    home = folder / "score"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    run(["python", "-m", "benchmarks.score", "make", home, str(n_rows)], folder=home)

    def ours() -> Usage:
        return run([*PROGRAM, "--features", "features", "--model", "churn", "--out", "ours.parquet"], folder=home)

    def bare() -> Usage:
        return run(["python", "-m", "benchmarks.score", "bare", "features", "churn", "bare.parquet"], folder=home)

    ours()  # nothing is compiled while it is measured
    used = rounds(n_rounds, ours=ours, bare=bare)
    results.add("score_per_lightgbm", ratio(used["ours"], used["bare"]))
    results.add("score_wall_per_lightgbm", ratio(used["ours"], used["bare"], of="wall"))
    results.add("score_ready_peak", max(each.peak for each in used["ours"]) / 1e9)
    shutil.rmtree(home)


def growth(folder: Path, events: int, results: Results) -> None:
    """Score customers of four events each from raw files: few of them, and ten times as many, these capped too."""
    peak, model = {}, folder / "score-model"
    few = max(500, events // 400)  # enough of them for a model to learn from
    for customers in (few, 10 * few):
        project = Project(folder, Work(4 * customers, customers), "score")
        project.configure()
        if not peak:
            project.prepare()
            project.snapshots(1)
            project.featurize(1)
            run(["python", "-m", "benchmarks.score", "model", model, project.features(1)], folder=project.root)
        shutil.copytree(model, project.root / "models" / "churn")
        command = [*PROGRAM, "--params", "params-12-2.yaml", "--model", "models/churn", "--out", "scores.parquet"]
        used = run(command, folder=project.root)
        peak[customers] = used.peak
        results.add("score_seconds", used.cpu * 1e6 / customers)
    results.add("score_capped", float(run(command, folder=project.root, address_space=CAP, may_fail=True).code == 0))
    few, many = peak.values()
    results.add("score_peak", many / 1e9)
    results.add("score_peak_growth", many / few)
    project.remove()
    shutil.rmtree(model)


def _make(folder: Path, n_rows: int) -> None:
    """Write ready features, and a model that has learned from some of them as training does by default."""
    import pyarrow as pa

    from benchmarks.train import invented
    from churnml.estimators.artifact import save
    from churnml.estimators.churn import ChurnClassifier
    from churnml.estimators.matrix import FeatureSpec
    from churnml.parquet import write_parquet_parts

    X, given = invented(LEARNED if n_rows >= LEARNED else max(n_rows, 2_000), N_FEATURES)
    names = tuple(f"f{place}" for place in range(N_FEATURES))
    save(ChurnClassifier(threads=2).fit(X, **given), FeatureSpec(names, {}), folder / "churn")
    (folder / "features").mkdir()
    for number in range(N_FILES):
        more = -(-n_rows // N_FILES)
        rows = X[(number * more + _places(more)) % len(X)]
        ids = pa.array([f"c{number * more + row:09d}" for row in range(more)])
        table = pa.table({"customer_id": ids, **{name: rows[:, place] for place, name in enumerate(names)}})
        path = folder / "features" / f"bucket-{number:04d}.parquet"
        write_parquet_parts((table.slice(start, 65_536) for start in range(0, more, 65_536)), path)


def _places(n: int):
    import numpy as np

    return np.arange(n)


def _bare(features: Path, model: Path, out: Path) -> None:
    import lightgbm as lgb
    import numpy as np
    import pyarrow.parquet as pq

    booster = lgb.Booster(model_file=str(model / "model.txt"))
    table = pq.read_table(features)
    matrix = np.empty((table.num_rows, booster.num_feature()), dtype=np.float32)
    for place, name in enumerate(json.loads((model / "model.json").read_text())["features"]):
        matrix[:, place] = table[name].to_numpy()
    p_churn = booster.predict(matrix, num_threads=2)
    pq.write_table(table.select(["customer_id"]).append_column("p_churn", [p_churn]), out)


def _model(folder: Path, features: Path) -> None:
    """Save a model of the features of one date; what it has learned does not matter here."""
    import numpy as np

    from churnml.estimators.artifact import save
    from churnml.estimators.churn import ChurnClassifier
    from churnml.estimators.matrix import spec_of, to_matrix
    from churnml.flow.buckets import read_buckets, sort_by_date

    table = sort_by_date(read_buckets(features)).slice(0, 20_000)
    spec = spec_of(table)
    X = to_matrix(table, spec)
    y = (np.random.default_rng(1).random(len(X)) < 0.2 + 0.2 * (X[:, 0] > np.nanmedian(X[:, 0]))).astype(np.float64)
    plan = json.loads((features / "plan.json").read_text())
    save(
        ChurnClassifier(threads=2, max_rounds=60).fit(X, y, categorical=spec.categorical),
        spec,
        folder,
        meta={"feature_plan": plan, "horizon_days": 30.0},
    )


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "make":
        _make(Path(words[0]), int(words[1]))
    else:
        {"bare": _bare, "model": _model}[what](*map(Path, words))
