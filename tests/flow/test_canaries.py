"""Customers whose ids, names, addresses and numbers would be seen anywhere: in no output, report, model or record."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml
from small_company import TO_LISTS, few_trees, run, small_params, write_params

from churnml.errors import ChurnmlError
from churnml.forgetting.places import files_below
from churnml.forgetting.seeing import holds
from churnml.forgetting.traces import Traces, traces_of
from churnml.parquet import read_parquet
from churnml.stage import ends_well
from churnml.workspace import start_workspace

N = 50
PRIVATE = ("data", ".churnml")
"""Folders of the owner alone, in which people stand."""
CUSTOMERS = [
    (f"CANARY{n:04d}", f"Canary Bird{n:04d}", f"bird{n:04d}@canary.example", f"+4420794600{n:02d}") for n in range(N)
]
WORDS = Traces(frozenset(), frozenset(word for customer in CUSTOMERS for word in (*customer, "CANARYNOTE")))
PARAMS = {
    "histories": {
        "folder": "data/raw",
        "as_of": "2024-12-01",
        "currency": "EUR",
        "tables": {
            "customers": {
                "kind": "customers",
                "file": "customers.csv",
                "id": "id",
                "joined": "joined",
                "numbers": ["age"],
                "categories": ["segment"],
                "contact": {"name": "name", "email": "email", "phone": "phone"},
                "consent": {"email": "consent"},
            },
            "orders": {
                "kind": "events",
                "file": "orders.csv",
                "id": "id",
                "time": "at",
                "known_at": "loaded",
                "amount": "amount",
                "currency": "currency",
                "key": ["number"],
            },
        },
    },
    "churn": {"definition": "inactivity", "table": "orders", "horizon_days": 30, "active_within_days": 90},
}
CUSTOMERS_CSV = "id,joined,age,segment,name,email,phone,consent\n" + "".join(
    f"{one},2024-01-{1 + n % 28:02d},{20 + n},a,{name},{email},{phone},yes\n"
    for n, (one, name, email, phone) in enumerate(CUSTOMERS)
)
ORDERS_CSV = "number,id,at,loaded,amount,currency\n" + "".join(
    f"N{n}-{m},{one},2024-{m:02d}-{1 + n % 27:02d},2024-{m:02d}-{2 + n % 27:02d},{n + m}.5,EUR\n"
    for n, (one, *_) in enumerate(CUSTOMERS)
    for m in range(1, 12)
)

Change = Callable[[str], str]


def cell(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new)


def after(text_of_row: str) -> Change:
    return lambda text: text + text_of_row


SAME: Change = lambda text: text  # noqa: E731
NOTE = "CANARYNOTE bird0007@canary.example"
FAULTS: dict[str, tuple[Change, Change]] = {
    "time": (SAME, cell(",2024-03-08,", f",{NOTE},")),
    "no time": (SAME, cell(",2024-03-08,", ",,")),
    "known at": (SAME, cell(",2024-03-09,", f",{NOTE},")),
    "amount": (SAME, cell(",10.5,", f",{NOTE},")),
    "infinite": (SAME, cell(",10.5,", ",1e400,")),
    "too large": (SAME, cell(",10.5,", ",1e15,")),
    "currency": (SAME, cell(",EUR\n", f",{NOTE}\n")),
    "a long row": (SAME, after(f"N9,CANARY0007,2024-05-01,2024-05-02,1,EUR,{NOTE}\n")),
    "a short row": (SAME, after(f"{NOTE}\n")),
    "an open quote": (SAME, after(f'N9,"CANARY0007,{NOTE}')),
    "a quote inside": (SAME, after(f'N9,CANARY0007 "x" {NOTE},2024-05-01,2024-05-02,1,EUR\n')),
    "nul": (SAME, cell("CANARY0007,2024-05", "CANARY0007\0,2024-05")),
    "control": (SAME, cell("CANARY0007,2024-05", "CANARY0007\x07,2024-05")),
    "no id": (SAME, cell("CANARY0007,2024-05", ",2024-05")),
    "two owners": (SAME, cell("N8-3,", "N7-3,")),
    "header": (SAME, cell("number,id,at", f"{NOTE},id,at")),
    "twice in the header": (SAME, cell("number,id,at", "id,id,at")),
    "empty": (SAME, lambda text: ""),
    "header alone": (SAME, lambda text: text.partition("\n")[0] + "\n"),
    "too long a field": (SAME, cell("CANARY0007,2024-05", "CANARY0007" * 200_000 + ",2024-05")),
    "customer twice": (after("CANARY0007,2024-01-01,30,a,Canary Bird0007,bird0007@canary.example,,no\n"), SAME),
    "age": (cell(",27,a,", f",{NOTE},a,"), SAME),
    "joined": (cell("CANARY0007,2024-01-08", f"CANARY0007,{NOTE}"), SAME),
    "customers cut": (lambda text: text[: len(text) // 2 + 7], SAME),
    "not utf-8": (cell("Canary Bird0007", "Canary Bird0007 \udcff"), SAME),
    "a name of two lines": (cell("Canary Bird0007", "Canary\nBird0007"), SAME),
}
"""What is done to the customers, and to the orders."""


def project(folder: Path, customers: str = CUSTOMERS_CSV, orders: str = ORDERS_CSV) -> Path:
    (folder / "data" / "raw").mkdir(parents=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    for name, text in (("customers.csv", customers), ("orders.csv", orders)):
        (folder / "data" / "raw" / name).write_bytes(text.encode("utf-8", errors="surrogateescape"))
    return folder


def telling(folder: Path, words: Traces, *, private: Iterable[str] = ()) -> list[str]:
    """Return the files that name a canary, apart from folders in which people may stand."""
    paths = [path for path in files_below(folder) if path.relative_to(folder).parts[0] not in private]
    return [path.relative_to(folder).as_posix() for path in paths if holds(path, words)]


def everybody(raw: Path) -> Traces:
    rows = read_parquet(raw / "customers.parquet").select(["customer_id", "name", "email", "phone"]).to_pydict()
    contacts = {role: {value for value in rows[role] if value} for role in ("name", "email", "phone")}
    return traces_of(rows["customer_id"], contacts)


def test_ep_26_reports_models_and_parameters_name_nobody_of_a_whole_run(golden: Path) -> None:
    words = everybody(golden / "data" / "simulated")
    assert len(words.words) > 4 * N
    assert telling(golden, words, private=PRIVATE) == []
    assert telling(golden / "data" / "resolved", words) == []
    assert len(telling(golden / "data" / "lists", words)) > 6


FEW = ["time", "currency", "an open quote", "control", "two owners", "header", "customer twice"]
"""The others strike in the slow test."""


@pytest.mark.parametrize("fault", FEW)
def test_ep_26_a_failing_run_names_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str], fault: str) -> None:
    customers, orders = FAULTS[fault]
    folder = project(tmp_path, customers(CUSTOMERS_CSV), orders(ORDERS_CSV))
    code = run(folder, "configure", "prepare")
    told = "".join(capfd.readouterr())
    assert code == 3
    assert "CSV" in told or "csv" in told
    assert not WORDS.in_text(told)
    assert telling(folder, WORDS, private=PRIVATE) == []
    assert {path.name for path in (folder / "data").iterdir()} == {"raw", "resolved"}


def test_ep_26_a_bug_names_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: object) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in (ValueError, KeyError, OSError, UnicodeError, RuntimeError):

        def fail(kind: type[Exception] = kind) -> int:
            raise kind(f"could not convert {NOTE} of CANARY0007")

        assert ends_well(fail) == 1
    assert not WORDS.in_text("".join(capfd.readouterr()))
    assert telling(tmp_path, WORDS) == []


def test_ep_26_an_error_of_the_system_names_the_file_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def fail() -> int:
        raise PermissionError(13, "Permission denied", "/home/somebody/orders.csv")

    assert ends_well(fail) == 7
    assert "/home" not in "".join(capfd.readouterr())


def test_an_error_without_a_value_has_none() -> None:
    facts = ChurnmlError("a problem", rule="x").facts()
    assert "value" not in facts


@pytest.mark.slow
def test_ep_26_a_hundred_failing_runs_name_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    n_failed = 0
    for number in range(4 * len(FAULTS)):
        customers, orders = FAULTS[list(FAULTS)[number % len(FAULTS)]]
        one = f"CANARY{7 + 10 * (number // len(FAULTS)):04d}"

        def moved(text: str, one: str = one) -> str:
            """Let the fault strike another customer."""
            return text.replace(one, "CANARY____").replace("CANARY0007", one).replace("CANARY____", "CANARY0007")

        folder = project(tmp_path / str(number), moved(customers(CUSTOMERS_CSV)), moved(orders(ORDERS_CSV)))
        n_failed += run(folder, "configure", "prepare") > 0
        assert telling(folder, WORDS, private=PRIVATE) == []
    assert n_failed > 75
    assert not WORDS.in_text("".join(capfd.readouterr()))


@pytest.mark.slow
def test_ep_26_stages_up_to_the_lists_say_nothing_of_anybody(
    golden: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_params(tmp_path, {"histories": {"folder": "data/raw"}})
    shutil.copytree(golden / "data" / "simulated", tmp_path / "data" / "raw")
    with few_trees():
        assert run(tmp_path, *TO_LISTS) == 0
    assert not everybody(tmp_path / "data" / "raw").in_text("".join(capfd.readouterr()))


def open_to_others(root: Path, *places: str) -> list[str]:
    paths = [path for place in places for path in files_below(root / place)]
    return [p.relative_to(root).as_posix() for p in paths if p.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~0o044
            or (p.stat().st_mode & 0o044 and p.parent.stat().st_mode & 0o055)]  # fmt: skip


def churnml(root: Path, temp: Path, *words: str) -> tuple[int, str]:
    environment = {**os.environ, "TMPDIR": str(temp), "XDG_CONFIG_HOME": str(temp.parent / "settings")}
    code = "from churnml.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_ep_12_25_26_a_whole_project_with_dvc_and_mlflow(tmp_path: Path) -> None:
    root, temp = tmp_path / "project", tmp_path / "system_temp"
    temp.mkdir()
    root.mkdir()
    start_workspace(root)
    (root / "params.yaml").write_text(yaml.safe_dump(small_params(), sort_keys=False))
    code, told = churnml(root, temp, "run")
    assert code == 0, told
    words = everybody(root / "data" / "simulated")
    assert not words.in_text(told)
    assert telling(temp, words) == []
    outside = [name for name in telling(root, words, private=(*PRIVATE, "src")) if ".dvc/cache" not in name]
    assert outside == []
    assert open_to_others(root, "data", ".churnml", ".dvc/cache", "mlartifacts", "mlflow.db") == []
    one = read_parquet(root / "data" / "lists" / "retention" / "contact.parquet")["customer_id"][0].as_py()
    assert churnml(root, temp, "key")[0] == 0
    code, told = churnml(root, temp, "forget", one)
    assert (code, one in told) == (0, False)
    assert telling(root, traces_of([one], {}), private=["src"]) == []
    assert churnml(root, temp, "run")[0] == 0
    assert telling(root, traces_of([one], {}), private=["src"]) == []
    assert churnml(root, temp, "doctor") == (0, "Nothing is wrong.\n")
