"""A project folder with the work in it, and the stages run there as the pipeline's own scripts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from benchmarks.measure import REPOSITORY, Usage, run
from benchmarks.work import END, NEXT_MONTH, WINDOWS_DAYS, Work

TABLE = "orders"
EVERY_DAYS = 30
FAMILIES = ["frequency", "value", "levels", "recency", "tenure", "rhythm"]


class Project:
    """A project of the work.

    Parameters
    ----------
    folder : Path
        Of all benchmarks; the raw files are kept there and used again.
    work : Work
    name : str
        Tells projects of the same work apart.
    """

    def __init__(self, folder: Path, work: Work, name: str = "") -> None:
        self.work = work
        self.raw = folder / "raw" / work.name
        self.root = folder / "projects" / (f"{work.name}-{name}" if name else work.name)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        size = ["--events", str(work.events), "--customers", str(work.customers), "--giant", str(work.giant)]
        month = ["--month"] if work.month else []
        run(["python", "-m", "benchmarks.work", self.raw, *size, "--form", work.form, *month], folder=self.root)
        (self.root / "raw").mkdir()
        for path in self.raw.glob("orders*"):
            os.link(path, self.root / "raw" / path.name)
        self.configure()

    def configure(self, *, snapshots: int = 12, threads: int = 2, with_month: bool = False) -> Path:
        """Write the parameters, defaults filled in, and return their path."""
        from churnml.config.blocks import Features

        name = f"params-{snapshots}-{threads}{'-month' if with_month else ''}"
        source, target = self.root / f"{name}.yaml", self.root / f"{name}.json"
        files = [f"{TABLE}.{self.work.form}", f"{TABLE}_2024_01.{self.work.form}"]
        features: dict[str, object] = {"windows_days": list(WINDOWS_DAYS)}
        if "families" in Features.model_fields:
            features |= {"families": FAMILIES, "every_window": True}
        table = {
            "kind": "events",
            "file": files if with_month else files[0],
            "id": "customer_id",
            "time": "ordered_at",
            "amount": "net_amount",
            "categories": ["channel"],
        }
        params = {
            "histories": {
                "folder": "raw",
                "as_of": NEXT_MONTH if with_month else END,
                "currency": "EUR",
                "tables": {TABLE: table},
            },
            "churn": {"definition": "inactivity", "table": TABLE, "horizon_days": 30, "active_within_days": None},
            # The scored date is one more observation date than those that learn.
            "snapshots": {"every_days": EVERY_DAYS, "count": max(1, snapshots - 1)},
            "features": features,
            "train": {"threads": threads},
        }
        source.write_text(json.dumps(params), encoding="utf-8")
        self.stage("configure", "--params", source, "--resolved", target)
        return target

    def stage(self, name: str, *arguments: str | Path, **how: object) -> Usage:
        """Run the script of a stage."""
        return run(["python", REPOSITORY / "pipelines" / f"{name}.py", *arguments], folder=self.root, **how)

    def prepare(self, *, threads: int = 2, with_month: bool = False, **how: object) -> Usage:
        """Read, check and sort the raw files: all of them anew, or ``with_month`` what is new since the last time."""
        if not with_month:
            shutil.rmtree(self.root / ".churnml" / "parts", ignore_errors=True)
        params = self.configure(threads=threads, with_month=with_month)
        reports = ["--check", "reports/data_check.json", "--check-page", "reports/data_check.html"]
        return self.stage("prepare", "--params", params, "--prepared", self.prepared, *reports, **how)

    def snapshots(self, n: int = 12, *, with_month: bool = False) -> Usage:
        """Say who is observed when: at ``n`` dates, the scored one among them."""
        params = self.configure(snapshots=n, with_month=with_month)
        if n == 1:
            code = (
                "import sys; from pathlib import Path; from churnml.config import load_params;"
                "from churnml.flow.spine import make_spine; from churnml.histories.store import open_history;"
                "params, prepared, spine = map(Path, sys.argv[1:]);"
                "make_spine(open_history(prepared), load_params(params), spine, to_score_only=True)"
            )
            return run(["python", "-c", code, params, self.prepared, self.spine(n)], folder=self.root)
        return self.stage("snapshots", "--params", params, "--prepared", self.prepared, "--spine", self.spine(n))

    def featurize(self, n: int = 12, *, threads: int = 2, with_month: bool = False, **how: object) -> Usage:
        """Make every feature of every snapshot; run once without ``how`` before, so that nothing is compiled in it."""
        params = self.configure(snapshots=n, threads=threads, with_month=with_month)
        paths = ["--prepared", self.prepared, "--spine", self.spine(n), "--features", self.features(n)]
        return self.stage(
            "featurize",
            "--params",
            params,
            *paths,
            "--dictionary",
            "reports/features.json",
            "--page",
            "reports/features.html",
            **how,
        )

    @property
    def prepared(self) -> Path:
        return self.root / "data" / "prepared"

    def spine(self, n: int) -> Path:
        return self.root / "data" / f"snapshots-{n}"

    def features(self, n: int) -> Path:
        return self.root / "data" / f"features-{n}"

    def dates_us(self, n: int) -> list[int]:
        """Return the observation dates in microseconds."""
        plan = json.loads((self.spine(n) / "plan.json").read_text(encoding="utf-8"))
        return sorted({*plan["churn_dates_us"], plan["as_of_us"]})

    def remove(self) -> None:
        """Remove the project; the raw files stay."""
        shutil.rmtree(self.root, ignore_errors=True)
