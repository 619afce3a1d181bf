"""The simple rules a model has to beat: single columns, the spend formula, BG/NBD and Gamma-Gamma, plain models.

Each learns from the same rows as the model and is scored on the same rows. The churn rules are calibrated on
their training rows, and the value rules brought to the training rows' total, so that log loss and absolute
error compare like with like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.btyd import BgNbd, GammaGamma, fit_bgnbd, fit_gammagamma
from churnml.estimators.calibrator import PlattCalibrator, fit_platt, logit
from churnml.estimators.logistic import LogisticBaseline
from churnml.estimators.matrix import FeatureSpec
from churnml.estimators.rfm_trees import RfmTrees

__all__ = [
    "Baseline",
    "BgNbdBaseline",
    "ChurnRule",
    "FormulaBaseline",
    "GammaGammaBaseline",
    "ValueRule",
    "churn_baselines",
    "value_baselines",
]

Floats = npt.NDArray[np.float64]
DAYS_PER_MONTH = 365.0 / 12.0
MAX_BTYD_CUSTOMERS = 200_000
BTYD_ROLES = ("x", "t_x", "T")
RFM_ROLES = ("recency", "frequency", "spend", "tenure")


class Baseline(Protocol):
    """What every rule offers: a name, a fit on a feature table, a prediction for one."""

    name: str

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Learn from training rows, sorted by observation date."""

    def predict(self, table: pa.Table) -> Floats:
        """Return a probability of churn or a value for each row."""


@dataclass
class ChurnRule:
    """Rank by one column.

    Parameters
    ----------
    name, column : str
        The rule's name; the feature it looks at.
    direction : {1, -1, 0}
        1: a high value means risk; -1: a low one does; 0: as the training rows say.
    missing_is_most : bool
        A missing value counts as more than the greatest seen (never bought: the longest silence), else as zero.
    """

    name: str
    column: str
    direction: int
    missing_is_most: bool = False

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Learn the direction where it is free, and the calibration."""
        values = _column(table, self.column)
        most = float(np.nanmax(values)) + 1.0 if np.isfinite(values).any() else 0.0
        self.fill_ = most if self.missing_is_most else 0.0
        score = self._squeezed(values)
        self.centre_, self.spread_ = float(score.mean()), float(score.std()) or 1.0
        self.sign_ = self.direction or (1 if np.cov(score, y)[0, 1] >= 0 else -1)
        self.calibrator_ = fit_platt(self._score(values), y.astype(np.int8))
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the calibrated probability of churn, in the order of the rule."""
        return self.calibrator_.predict(self._score(_column(table, self.column)))

    def state(self) -> dict[str, Any]:
        """Return everything that was learned, JSON-ready."""
        learned = {"fill": self.fill_, "centre": self.centre_, "spread": self.spread_, "sign": self.sign_}
        calibrated = {"slope": self.calibrator_.slope, "intercept": self.calibrator_.intercept}
        return {"name": self.name, "column": self.column, **learned, **calibrated}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the rule that :meth:`state` told of."""
        rule = cls(str(state["name"]), str(state["column"]), int(state["sign"]))
        rule.fill_, rule.centre_, rule.spread_ = (float(state[key]) for key in ("fill", "centre", "spread"))
        rule.sign_ = int(state["sign"])
        rule.calibrator_ = PlattCalibrator(float(state["slope"]), float(state["intercept"]))
        return rule

    def _squeezed(self, values: Floats) -> Floats:
        known = np.where(np.isnan(values), self.fill_, values)
        return np.asarray(np.sign(known) * np.log1p(np.abs(known)))

    def _score(self, values: Floats) -> Floats:
        return self.sign_ * (self._squeezed(values) - self.centre_) / self.spread_


@dataclass
class ValueRule:
    """Expect in proportion to one column, for example last period's spend; missing counts as nothing."""

    name: str
    column: str

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Learn the proportion that makes the totals equal."""
        total = float(self._amount(table).sum())
        self.factor_ = max(float(y.sum()) / total, 0.0) if total > 0 else 1.0
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the expected value."""
        return self.factor_ * self._amount(table)

    def _amount(self, table: pa.Table) -> Floats:
        return np.maximum(np.nan_to_num(_column(table, self.column)), 0.0)


@dataclass
class FormulaBaseline:
    """The formula of many spreadsheets: mean spend a month, times months of the horizon, times the retention rate.

    Spend a month is mean spend a purchase times purchases a month since the first one. The retention rate is the share
    of training rows that brought value within the horizon. What is left of the total's error, the margin above all, is
    made up for by one level, as for the other rules.

    Parameters
    ----------
    roles : mapping of str to str
        Columns of ``x`` (purchase days after the first), ``T`` (days since the first) and, for amounts,
        ``mean_spend``; without it purchases count.
    horizon_days : float
        Length of the outcome window.

    Attributes
    ----------
    retention_, level_ : float
        Learned from the training rows.

    References
    ----------
    .. [1] Gupta, Lehmann, Stuart (2004). Valuing customers. J. Marketing Research 41(1), 7-18.
    """

    roles: Mapping[str, str]
    horizon_days: float
    name: str = "formula"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Learn the retention rate and the level."""
        self.retention_ = float(np.mean(y > 0))
        total = float(self._expected(table).sum())
        self.level_ = max(float(y.sum()) / total, 0.0) if total > 0 else 1.0
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the expected value; nothing for those who never bought."""
        return self.level_ * self._expected(table)

    def _expected(self, table: pa.Table) -> Floats:
        repeats, age = (_column(table, self.roles[role]) for role in ("x", "T"))
        # A relationship younger than a month counts as a month, or one purchase yesterday would mean thirty a month.
        months = np.maximum(age / DAYS_PER_MONTH, 1.0)
        by_month = np.nan_to_num((repeats + 1.0) / months)
        if "mean_spend" in self.roles:
            by_month *= np.maximum(np.nan_to_num(_column(table, self.roles["mean_spend"])), 0.0)
        return by_month * (self.horizon_days / DAYS_PER_MONTH) * self.retention_


@dataclass
class _Summaries:
    """Purchase summaries of the rows that have them; the others have never bought."""

    known: npt.NDArray[np.bool_]
    x: Floats
    t_x: Floats
    T: Floats

    @classmethod
    def of(cls, table: pa.Table, roles: Mapping[str, str]) -> Self:
        x, t_x, age = (_column(table, roles[role]) for role in BTYD_ROLES)
        known = ~(np.isnan(x) | np.isnan(t_x) | np.isnan(age))
        return cls(known, np.rint(x[known]), np.minimum(t_x[known], age[known]), age[known])


@dataclass
class BgNbdBaseline:
    """Probability of no purchase within the horizon by BG/NBD, calibrated on the training rows.

    Parameters
    ----------
    roles : mapping of str to str
        Columns of ``x``, ``t_x`` and ``T`` (days).
    horizon_days : float
        Length of the outcome window.
    """

    roles: Mapping[str, str]
    horizon_days: float
    name: str = "bgnbd"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Fit on the newest row of each customer, calibrate on all rows."""
        self.model_ = _fit_bgnbd(table, self.roles)
        self.calibrator_: PlattCalibrator = fit_platt(self._score(table), y.astype(np.int8))
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the calibrated probability of churn."""
        return self.calibrator_.predict(self._score(table))

    def _score(self, table: pa.Table) -> Floats:
        rows = _Summaries.of(table, self.roles)
        p = np.ones(rows.known.size)
        p[rows.known] = self.model_.p_silent(self.horizon_days, rows.x, rows.t_x, rows.T)
        return logit(np.clip(p, 1e-6, 1.0 - 1e-6))


@dataclass
class GammaGammaBaseline:
    """Expected purchases by BG/NBD times expected spend by Gamma-Gamma, at the training rows' level.

    Parameters
    ----------
    roles : mapping of str to str
        Columns of ``x``, ``t_x``, ``T`` (days) and, for amounts, ``mean_spend``; without it purchases count.
    horizon_days : float
        Length of the outcome window.
    """

    roles: Mapping[str, str]
    horizon_days: float
    name: str = "bgnbd_gamma_gamma"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Fit on the newest row of each customer, level on all rows."""
        self.model_ = _fit_bgnbd(table, self.roles)
        self.spend_: GammaGamma | None = None
        if "mean_spend" in self.roles:
            newest = _newest(table)
            rows = _Summaries.of(newest, self.roles)
            spend = _column(newest, self.roles["mean_spend"])[rows.known]
            self.spend_ = fit_gammagamma(rows.x + 1.0, np.nan_to_num(spend), max_customers=MAX_BTYD_CUSTOMERS)
        total = float(self._value(table).sum())
        self.factor_ = max(float(y.sum()) / total, 0.0) if total > 0 else 1.0
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the expected value; nothing for those who never bought."""
        return self.factor_ * self._value(table)

    def _value(self, table: pa.Table) -> Floats:
        rows = _Summaries.of(table, self.roles)
        value = np.zeros(rows.known.size)
        value[rows.known] = self.model_.expected_purchases(self.horizon_days, rows.x, rows.t_x, rows.T)
        if self.spend_ is not None:
            spend = np.nan_to_num(_column(table, self.roles["mean_spend"])[rows.known])
            value[rows.known] *= self.spend_.expected_spend(rows.x + 1.0, spend)
        return value


def churn_baselines(
    roles: Mapping[str, str], columns: list[str], *, spec: FeatureSpec, horizon_days: float, seed: int
) -> tuple[list[Baseline], dict[str, str]]:
    """Return the churn baselines that can be fitted, and for the others the roles they lack.

    Parameters
    ----------
    roles : mapping of str to str
        Feature columns by role: ``recency``, ``frequency``, ``tenure``, ``x``, ``t_x``, ``T``, and ``spend`` (of the
        longest window) where there is money.
    columns : list of str
        Columns of the feature table.
    spec : FeatureSpec
        Features of the logistic regression.
    horizon_days : float
        Length of the outcome window.
    seed : int
        Seed of the logistic regression's choice of strength.
    """
    wanted: dict[str, tuple[tuple[str, ...], Callable[[], Baseline]]] = {
        "recency": (("recency",), lambda: ChurnRule("recency", roles["recency"], 1, missing_is_most=True)),
        "frequency": (("frequency",), lambda: ChurnRule("frequency", roles["frequency"], -1)),
        "tenure": (("tenure",), lambda: ChurnRule("tenure", roles["tenure"], 0)),
        "bgnbd": (BTYD_ROLES, lambda: BgNbdBaseline(roles, horizon_days)),
        "logistic": ((), lambda: LogisticBaseline(spec, seed=seed)),
        "rfm_lightgbm": (RFM_ROLES[:2], lambda: RfmTrees("churn", _rfm(roles, columns), seed=seed)),
    }
    return _those_possible(wanted, roles, columns)


def value_baselines(
    roles: Mapping[str, str], columns: list[str], *, horizon_days: float, seed: int
) -> tuple[list[Baseline], dict[str, str]]:
    """Return the value baselines that can be fitted, and for the others the roles they lack.

    Parameters as :func:`churn_baselines`; roles ``spend``, ``recency``, ``frequency``, ``tenure``, ``x``, ``t_x``,
    ``T``, ``mean_spend``.
    """
    wanted: dict[str, tuple[tuple[str, ...], Callable[[], Baseline]]] = {
        "last_spend": (("spend",), lambda: ValueRule("last_spend", roles["spend"])),
        "frequency": (("frequency",), lambda: ValueRule("frequency", roles["frequency"])),
        "formula": (("x", "T"), lambda: FormulaBaseline(roles, horizon_days)),
        "bgnbd_gamma_gamma": (BTYD_ROLES, lambda: GammaGammaBaseline(roles, horizon_days)),
        "rfm_lightgbm": (RFM_ROLES[:2], lambda: RfmTrees("clv", _rfm(roles, columns), seed=seed)),
    }
    return _those_possible(wanted, roles, columns)


def _rfm(roles: Mapping[str, str], columns: list[str]) -> list[str]:
    """Return recency, frequency, money and tenure, as far as they are there; each column once."""
    return list(dict.fromkeys(roles[role] for role in RFM_ROLES if roles.get(role) in columns))


def _those_possible(
    wanted: Mapping[str, tuple[tuple[str, ...], Callable[[], Baseline]]], roles: Mapping[str, str], columns: list[str]
) -> tuple[list[Baseline], dict[str, str]]:
    absent: dict[str, str] = {}
    present: list[Baseline] = []
    for name, (needed, make) in wanted.items():
        lacking = [role for role in needed if roles.get(role) not in columns]
        if lacking:
            absent[name] = f"no column for {', '.join(lacking)}"
        else:
            present.append(make())
    return present, absent


def _fit_bgnbd(table: pa.Table, roles: Mapping[str, str]) -> BgNbd:
    rows = _Summaries.of(_newest(table), roles)
    return fit_bgnbd(rows.x, rows.t_x, rows.T, max_customers=MAX_BTYD_CUSTOMERS)


def _newest(table: pa.Table) -> pa.Table:
    """Return each customer's last row: one purchase summary per customer, as the models assume."""
    if "customer_id" not in table.column_names:
        return table
    code = pc.dictionary_encode(table.column("customer_id").combine_chunks()).indices.to_numpy()
    last = np.full(int(code.max(initial=-1)) + 1, -1, dtype=np.int64)
    np.maximum.at(last, code, np.arange(code.size))
    return table.take(np.sort(last))


def _column(table: pa.Table, name: str) -> Floats:
    values: Floats = np.asarray(table.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)
    return values
