from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from crm_rows import crm_rows, export
from small_company import PROJECT, small_params, write_params

from churnml import __version__, cli, tracking
from churnml.commands import common, running
from churnml.config import Params
from churnml.stage import ERROR_FILE

CHURNML = [sys.executable, "-c", "from churnml.cli import main; main()"]


def churnml(*words: str, folder: Path) -> int:
    """Run a command in a folder, in this process; return its exit code."""
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "end_on_sigterm", lambda: None)
        patch.setattr(sys, "argv", ["churnml", *words])
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code or 0
    raise AssertionError("the command line came back")


def error_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / ERROR_FILE).read_text())


def test_receipts_end_with_the_code_of_what_they_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "data" / "lists" / "retention", "salesforce", crm_rows(2))
    first, second = crm_rows(2)["crm_id"].to_pylist()
    for rows, code in ((f"{first},true\n{second},false\n", 0), ("9,true\n", 6), ("x\n", 3)):
        (tmp_path / "said.csv").write_text(f"ID,SUCCESS\n{rows}", "utf-8")
        assert churnml("receipt", "said.csv", folder=tmp_path) == code
    assert "Sent 2 = accepted 1 + rejected 1 + in no receipt 0" in capsys.readouterr().out
    assert churnml("receipt", "said.csv", "--target", "zoho", folder=tmp_path) == 2


def test_an_export_needs_a_known_target_and_a_stored_list(tmp_path: Path) -> None:
    write_params(tmp_path, small_params())
    for words, code in ((["zohoo"], 2), (["hubspot", "--list", "../x"], 2), (["hubspot"], 3)):
        assert churnml("export", "--target", *words, folder=tmp_path) == code


def test_the_store_is_verified_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml("verify", "--store", folder=tmp_path) == 0
    assert capsys.readouterr().out.startswith("Everything is what was written.\nreports/verify_store.json")
    (tmp_path / "dvc.lock").write_text("{")
    assert churnml("verify", "--store", folder=tmp_path) == 3
    assert "dvc.lock cannot be read: git checkout -- dvc.lock" in capsys.readouterr().out


def test_what_killed_runs_left_is_released(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".x.0123456789abcdef.tmp").mkdir()
    for line in ("removed .x.0123456789abcdef.tmp", "Nothing was left behind."):
        assert churnml("unlock", folder=tmp_path) == 0
        assert capsys.readouterr().out == f"{line}\n"


def test_nothing_damaged_is_pushed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dvc.lock").write_text("{")
    assert churnml("push", "--remote", "r", folder=tmp_path) == 3
    assert "dvc.lock cannot be read; nothing was uploaded" in capsys.readouterr().err


def test_version_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml("version", folder=tmp_path) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("words", [["--nope"], ["score", "--nope"], ["nope"], ["simulate", "--customers", "many"], []])
def test_a_wrong_command_line_ends_with_2(words: list[str], tmp_path: Path) -> None:
    assert churnml(*words, folder=tmp_path) == 2


@pytest.mark.parametrize(("words", "code"), [(["version"], 0), (["--nope"], 2), (["run"], 2), (["score"], 2)])
def test_the_process_ends_with_the_code(words: list[str], code: int, tmp_path: Path) -> None:
    done = subprocess.run([*CHURNML, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_the_command_line_starts_without_heavy_imports() -> None:
    program = "import sys, churnml.cli; print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    heavy = ["lightgbm", "mlflow", "numba", "pandas", "sklearn", "scipy", "dvc"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_interrupted_command_ends_with_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "say", lambda _: interrupted())
    assert churnml("version", folder=tmp_path) == 130


def test_run_outside_a_project_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml("run", folder=tmp_path) == 2
    assert "no pipeline in this folder. Make the folder ready with: churnml init FILES" in capsys.readouterr().err


def test_run_says_what_is_wrong_with_the_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copyfile(PROJECT / "dvc.yaml", tmp_path / "dvc.yaml")
    write_params(tmp_path, {"churn": {"horizon_day": 3}})
    assert churnml("run", folder=tmp_path) == 2
    assert "Did you mean horizon_days?" in capsys.readouterr().err


def test_today_is_the_companys_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2024, 6, 30, 20, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(common, "datetime", Clock)
    params = Params.model_validate(small_params({"histories": {"timezone": "Asia/Shanghai"}}))
    assert common.at_day(params, "today").histories.as_of == "2024-07-01"
    assert common.at_day(params, "2024-05-01").histories.as_of == "2024-05-01"
    assert common.at_day(params, None) is params


def test_run_of_an_unknown_stage_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copyfile(PROJECT / "dvc.yaml", tmp_path / "dvc.yaml")
    write_params(tmp_path)
    assert churnml("run", "scores", folder=tmp_path) == 2
    assert "dvc.yaml: scores: no such stage. Did you mean score?" in capsys.readouterr().err


def test_simulate_writes_histories_and_truth_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--customers", "120", "--months", "6", "--out", "raw", "--truth", "truth"]
    assert churnml("simulate", *words, folder=tmp_path) == 0
    assert "of 120 customers in raw" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "raw" / "customers.parquet").num_rows == 120
    assert (tmp_path / "truth" / "truth.json").exists()


def test_simulate_refuses_what_cannot_be(tmp_path: Path) -> None:
    assert churnml("simulate", "--customers", "0", folder=tmp_path) == 2
    assert error_of(tmp_path)["rule"] == "config.range"


def test_check_of_good_input_keeps_only_the_report(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(tmp_path)
    shutil.copytree(golden / "data" / "simulated", tmp_path / "data" / "simulated")
    assert churnml("check", folder=tmp_path) == 0
    assert "customers: 320 rows usable" in capsys.readouterr().out
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if "simulated" not in path.parts}
    assert files == {"params.yaml", "data", "reports", "reports/check.json", "reports/check.html"}


def test_check_of_bad_input_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(tmp_path)
    assert churnml("check", folder=tmp_path) == 3
    assert "file not found" in capsys.readouterr().err
    assert error_of(tmp_path)["rule"] == "data.file_missing"
    assert os.listdir(tmp_path / "data") == []


@pytest.fixture
def trained(golden: Path, tmp_path: Path) -> Path:
    """Return a project with raw files and models, and nothing between them."""
    write_params(tmp_path)
    for place in ("data/simulated", "models"):
        shutil.copytree(golden / place, tmp_path / place)
    return tmp_path


def test_score_equals_the_scores_of_the_pipeline(golden: Path, trained: Path) -> None:
    assert churnml("score", "--model", "models/churn", "--out", "fresh.parquet", folder=trained) == 0
    fresh = pq.read_table(trained / "fresh.parquet")
    piped = pq.read_table(golden / "data" / "scored" / "scores.parquet")
    assert fresh.schema == piped.schema
    assert [name for name in piped.column_names if not fresh[name].equals(piped[name])] == []
    manifest = json.loads((trained / "fresh.parquet.manifest.json").read_text())
    assert manifest["as_of"] == "2024-06-30"
    assert manifest["rows"] == piped.num_rows
    assert manifest["model_version"] == piped["model_version"][0].as_py()


@pytest.mark.slow
def test_score_of_an_earlier_date_does_not_see_later_rows(golden: Path, trained: Path) -> None:
    words = ["--model", "models/churn", "--as-of", "2024-05-31"]
    assert churnml("score", *words, "--out", "all.parquet", folder=trained) == 0
    orders = trained / "data" / "simulated" / "orders.parquet"
    table = pq.read_table(orders)
    late = [time.isoformat() > "2024-05-31T00:00:00+00:00" for time in table["loaded_at"].to_pylist()]
    pq.write_table(table.filter([not is_late for is_late in late]), orders)
    assert churnml("score", *words, "--out", "early.parquet", folder=trained) == 0
    assert (trained / "all.parquet").read_bytes() == (trained / "early.parquet").read_bytes()


def test_score_without_a_model_ends_with_5(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml("score", "--model", "models/nowhere", "--out", "fresh.parquet", folder=trained) == 5
    assert "model file not found" in capsys.readouterr().err
    assert not (trained / "fresh.parquet").exists()
    assert os.listdir(trained / "data") == ["simulated"]


def test_score_with_an_altered_model_ends_with_5(trained: Path) -> None:
    text = trained / "models" / "churn" / "model.txt"
    text.write_bytes(text.read_bytes().replace(b"num_leaves=", b"num_leaves= ", 1))
    assert churnml("score", "--model", "models/churn", "--out", "fresh.parquet", folder=trained) == 5
    assert error_of(trained)["rule"] == "model.digest"


def test_score_at_what_is_no_date_ends_with_2(trained: Path) -> None:
    words = ["--model", "models/churn", "--as-of", "30.06.2024", "--out", "fresh.parquet"]
    assert churnml("score", *words, folder=trained) == 2
    assert not (trained / "fresh.parquet").exists()


@pytest.mark.slow
def test_score_at_a_date_after_the_data_ends_with_4(trained: Path) -> None:
    words = ["--model", "models/churn", "--as-of", "2030-01-01", "--out", "fresh.parquet"]
    assert churnml("score", *words, folder=trained) == 4
    assert not (trained / "fresh.parquet").exists()


def test_promote_without_a_record_ends_with_5(tmp_path: Path) -> None:
    assert churnml("promote", "churn", folder=tmp_path) == 5


def test_promote_refuses_who_failed_the_gate_and_names_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.txt", "model.json", "card.md"):
        (folder / name).write_text("{}")
    gate = "failed: Calibration slope 3.00 on the newest window is outside the limits 0.50 to 2.00."
    told = tracking.RunRecord(model="churn", params={}, metrics={}, tags={"gate": gate}, model_folder=folder)
    tracking.record(tmp_path, told)
    assert churnml("promote", "churn", "--version", "1", folder=tmp_path) == 5
    assert "did not pass its gate: Calibration slope 3.00" in str(error_of(tmp_path)["problem"])
    # The same model, judged by wider limits.
    tracking.record(tmp_path, replace(told, tags={"gate": "passed"}))
    assert churnml("promote", "churn", "--version", "1", folder=tmp_path) == 0


def with_plain_date(folder: Path, *changes: dict[str, object]) -> None:
    for part in ("pipelines", "src"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT / "dvc.yaml", folder / "dvc.yaml")
    text = yaml.safe_dump(small_params(*changes), sort_keys=False)
    (folder / "params.yaml").write_text(text.replace("'2024-06-30'", "2024-06-30"))


@pytest.mark.slow
def test_dates_need_no_quotes(tmp_path: Path) -> None:
    with_plain_date(tmp_path)
    environment = {**os.environ, "DVC_NO_ANALYTICS": "true", "DO_NOT_TRACK": "true"}
    codes = {}
    for module, *words in (("dvc", "init", "--no-scm", "-q"), ("dvc", "status"), ("churnml.dvc_with_dates", "status")):
        command = [sys.executable, "-m", module, *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        codes[module, words[0]] = done.returncode
    assert codes == {("dvc", "init"): 0, ("dvc", "status"): 255, ("churnml.dvc_with_dates", "status"): 0}


@pytest.mark.slow
def test_a_second_run_does_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with_plain_date(tmp_path)
    assert churnml("run", folder=tmp_path) == 0
    capfd.readouterr()
    scores = (tmp_path / "data" / "scored" / "scores.parquet").stat().st_mtime_ns
    assert churnml("run", folder=tmp_path) == 0
    assert (tmp_path / "data" / "scored" / "scores.parquet").stat().st_mtime_ns == scores
    # params.yaml is looked at each time, since files of own features may lie anywhere.
    assert re.findall(r"Running stage '(\w+)'", capfd.readouterr().out) in ([], ["configure"])


@pytest.mark.slow
def test_a_list_renews_itself_by_the_day(golden: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with_plain_date(tmp_path, {"treatments": {"ignore": True}, "clv": None})
    shutil.copytree(golden / "data" / "simulated", tmp_path / "data" / "raw")
    params = tmp_path / "params.yaml"
    params.write_text("# by us\n" + params.read_text("utf-8").replace("data/simulated", "data/raw"), "utf-8")
    for day in ("2024-06-20", "2024-06-27"):
        assert churnml("run", "campaign", "--as-of", day, folder=tmp_path) == 0
        lock = yaml.safe_load((tmp_path / "dvc.lock").read_text("utf-8"))["stages"]
        assert lock["campaign"]["params"]["data/resolved/params.json"]["histories.as_of"] == day
        manifests = [json.loads(one.read_text("utf-8")) for one in tmp_path.glob("data/lists/*/manifest.json")]
        assert {manifest["as_of"][:10] for manifest in manifests} == {day}
    before = params.read_bytes()
    assert before.startswith(b"# by us\n")
    assert b"as_of: 2024-06-27" in before
    # After the data: refused, and the file says what the lists are of.
    assert churnml("run", "campaign", "--as-of", "2026-01-01", folder=tmp_path) == 4
    assert params.read_bytes() == before
    assert churnml("run", "campaign", "--as-of", "soon", folder=tmp_path) == 2
    assert "soon" not in capfd.readouterr().err


@pytest.mark.slow
def test_models_of_a_run_can_be_promoted_and_score(tmp_path: Path) -> None:
    with_plain_date(tmp_path)
    assert churnml("run", folder=tmp_path) == 0
    verdict = json.loads((tmp_path / "reports" / "evaluation.json").read_text())["churn"]["verdict"]["ok"]
    assert churnml("promote", "churn", "--version", "1", folder=tmp_path) == (0 if verdict else 5)
    assert churnml("score", "--model", "models:/churn/1", "--out", "fresh.parquet", folder=tmp_path) == 0
    fresh = pq.read_table(tmp_path / "fresh.parquet")
    piped = pq.read_table(tmp_path / "data" / "scored" / "scores.parquet")
    assert fresh["p_churn"].equals(piped["p_churn"])
