"""One small company, simulated once for all tests of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from churnml.parquet import read_parquet
from churnml.simulation import SimulationSummary, simulate
from churnml.storage import read_json

END = "2024-06-30"


@dataclass(frozen=True)
class Company:
    folder: Path
    truth_folder: Path
    summary: SimulationSummary
    _read: dict[str, pd.DataFrame] = field(default_factory=dict)

    def table(self, name: str) -> pa.Table:
        return read_parquet(self.folder / f"{name}.parquet")

    def frame(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            self._read[name] = self.table(name).to_pandas()
        return self._read[name]

    @property
    def truth(self) -> pd.DataFrame:
        return read_parquet(self.truth_folder / "customers.parquet").to_pandas().set_index("customer_id")

    @property
    def planted(self) -> dict[str, object]:
        return read_json(self.truth_folder / "truth.json")


def make(root: Path, *, n_customers: int, months: int = 36, seed: int = 1, end: str = END) -> Company:
    folder, truth = root / "raw", root / "truth"
    summary = simulate(n_customers=n_customers, months=months, seed=seed, end=end, folder=folder, truth=truth)
    return Company(folder, truth, summary)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return make(tmp_path_factory.mktemp("company"), n_customers=2500)


@pytest.fixture(scope="session")
def end() -> pd.Timestamp:
    return pd.Timestamp(END, tz="UTC")
