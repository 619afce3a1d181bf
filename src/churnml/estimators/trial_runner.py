"""Running trials of a search: each learns from the same rows and is compared with the default on the same others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.estimators import boosting
from churnml.estimators.boosting import Floats, Matrix, Splits
from churnml.estimators.trials import Trial, TrialLedger

if TYPE_CHECKING:
    import optuna

__all__ = ["SearchRows", "TrialRunner"]

_STEP = 0.5
"""Sum of learning rates between two looks at a trial: trials that learn slowly are compared with others fairly."""


@dataclass(frozen=True, slots=True)
class SearchRows:
    """What trials learn from and are checked on.

    Parameters
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
    target : ndarray, shape (n_rows,)
        Labels 0 and 1, or values >= 0.
    weight : ndarray, shape (n_rows,), or None
    customers : ndarray, shape (n_rows,)
    categorical : sequence of int
        Columns of level numbers.
    splits : list of (learn, check)
        Row numbers.
    """

    X: Matrix
    target: Floats
    weight: Floats | None
    customers: npt.NDArray[Any]
    categorical: Sequence[int]
    splits: Splits

    def checked(self) -> npt.NDArray[np.int64]:
        """Return the rows that are checked on, in the order of the splits."""
        return np.concatenate([check for _, check in self.splits])


class _Stopped(Exception):
    """A trial is given up: it does worse than others did, or the whole search ends."""


@dataclass
class TrialRunner:
    """Runs trials beside each other, each on one thread, and keeps what they come to.

    Parameters
    ----------
    rows : SearchRows
    settings : dict
        LightGBM parameters of the default.
    max_rounds : int
    ledger : TrialLedger
    default : ndarray, shape (n_checked,), optional
        Loss of each checked row by the default.
    """

    rows: SearchRows
    settings: dict[str, Any]
    max_rounds: int
    ledger: TrialLedger
    default: Floats | None = None

    def __post_init__(self) -> None:
        self.ended = Event()

    def finish(self, asked: Sequence[optuna.Trial], pool: ThreadPoolExecutor) -> list[Trial]:
        """Return the asked trials, finished: from the ledger, or by running them."""
        done: dict[int, Trial] = {}
        missing: list[optuna.Trial] = []
        for trial in asked:
            kept = self.ledger.find(trial.number, trial.params)
            if kept is None:
                missing.append(trial)
                continue
            done[trial.number] = kept
            for at, loss in kept.steps:
                trial.report(loss, at)
        if missing and missing[0].number and self.default is None:
            self.default, _ = self._losses({}, lambda at, loss: None)
        running = [pool.submit(self._run, trial) for trial in missing]
        try:
            for future in as_completed(running):
                found = future.result()
                done[found.number] = found
                self.ledger.keep(found)
        except BaseException:
            self.ended.set()
            for future in running:
                future.cancel()
            raise
        return [done[number] for number in sorted(done)]

    def _run(self, trial: optuna.Trial) -> Trial:
        steps: list[tuple[int, float]] = []

        def look(at: int, loss: float) -> None:
            steps.append((at, loss))
            trial.report(loss, at)
            if trial.should_prune():
                raise _Stopped

        parameters = dict(trial.params)
        try:
            losses, n_rounds = self._losses(parameters, look)
        except _Stopped:
            return Trial(trial.number, parameters, None, steps=tuple(steps))
        if not trial.number:
            self.default = losses
        loss = float(np.average(losses, weights=self._weight()))
        gain, error = self._against_default(losses)
        return Trial(trial.number, parameters, loss, gain, error, n_rounds, tuple(steps))

    def _losses(self, parameters: Mapping[str, Any], look: Callable[[int, float], None]) -> tuple[Floats, int]:
        """Return the loss of each checked row, and the number of trees."""
        settings, rows = {**self.settings, **parameters}, self.rows
        whole = lgb.Dataset(
            rows.X,
            label=rows.target,
            weight=rows.weight,
            categorical_feature=list(rows.categorical),
            params=settings,
        ).construct()

        def watch(env: Any) -> None:
            if self.ended.is_set():
                raise _Stopped
            before, now = (int(n * settings["learning_rate"] / _STEP) for n in (env.iteration, env.iteration + 1))
            if now > before:
                look(now, float(env.evaluation_result_list[0][2]))

        raw, n_rounds = boosting.searched(
            whole, rows.X, rows.splits, settings, max_rounds=self.max_rounds, callbacks=[watch]
        )
        return _loss(rows.target[rows.checked()], raw, settings), n_rounds

    def _weight(self) -> Floats:
        checked = self.rows.checked()
        return np.ones(checked.size) if self.rows.weight is None else self.rows.weight[checked]

    def _against_default(self, losses: Floats) -> tuple[float, float]:
        """Return the mean gain over the default, and its standard error: rows of one customer count as one draw."""
        default = losses if self.default is None else self.default
        weight, gains = self._weight(), default - losses
        mean = float(np.average(gains, weights=weight))
        _, customer = np.unique(self.rows.customers[self.rows.checked()], return_inverse=True)
        of_customer = np.bincount(customer, weights=weight * (gains - mean))
        return mean, float(np.sqrt((of_customer**2).sum()) / weight.sum())


def _loss(target: Floats, raw: Floats, settings: Mapping[str, Any]) -> Floats:
    if settings["objective"] == "binary":
        return np.asarray(np.logaddexp(0.0, raw) - target * raw)
    power = float(settings["tweedie_variance_power"])
    return np.asarray(
        2.0 * (np.exp((2.0 - power) * raw) / (2.0 - power) - target * np.exp((1.0 - power) * raw) / (1.0 - power))
    )
