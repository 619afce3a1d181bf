"""A search for better LightGBM parameters around those chosen by table size: seeded, pruned, resumable.

The first trial is the default, and it stays unless another set of parameters is better by more than chance explains.
Every trial draws from a seed of its own, trials are asked for in batches of a fixed size, and none of a batch sees
the results of another: so the search is the same for any number of threads, and the same when it is interrupted and
taken up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churnml.estimators.trial_runner import SearchRows, TrialRunner
from churnml.estimators.trials import Trial, TrialLedger, digest_of
from churnml.progress import step

if TYPE_CHECKING:
    import optuna

__all__ = ["Found", "best_of", "search"]

_BATCH = 4
_DRAWN_AT_RANDOM = 8
_WARM_UP_TRIALS, _WARM_UP_STEPS = 4, 2
_Range = tuple[float, float, bool]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found.

    Parameters
    ----------
    parameters : dict of str to float or int
        LightGBM parameters; empty where the default is kept.
    best : Trial
        The finished trial with the least loss.
    trials : list of Trial
        All of them, the default first.
    """

    parameters: dict[str, float | int]
    best: Trial
    trials: list[Trial]

    def facts(self) -> dict[str, Any]:
        """Return the search as plain values, for the record of a model."""
        return {
            "n_trials": len(self.trials),
            "n_pruned": sum(trial.loss is None for trial in self.trials),
            "is_better": bool(self.parameters),
            "parameters": dict(self.parameters),
            "loss_default": self.trials[0].loss,
            "loss_best": self.best.loss,
            "gain": self.best.gain,
            "standard_error": self.best.error,
            "trials": [{key: value for key, value in asdict(trial).items() if key != "steps"} for trial in self.trials],
        }


def search(
    rows: SearchRows,
    settings: Mapping[str, Any],
    *,
    n_trials: int,
    seed: int,
    threads: int,
    folder: Path | None = None,
    max_rounds: int = 600,
) -> Found:
    """Search around the given settings for a smaller loss on held-out rows.

    The loss is that of the objective: log loss (``binary``) or Tweedie deviance (``tweedie``).

    Parameters
    ----------
    rows : SearchRows
    settings : mapping
        LightGBM parameters of the default.
    n_trials : int
        At least 1; the default is the first.
    seed, threads : int
        Seed of the draws; trials that run beside each other, without influence on the result.
    folder : Path, optional
        Where finished trials are kept: a search that was interrupted goes on, one with more trials continues it.
    max_rounds : int
        At most this many trees.

    References
    ----------
    .. [1] Bergstra et al. (2011). Algorithms for hyper-parameter optimization. NeurIPS 24 (the sampler, TPE).
    .. [2] Akiba et al. (2019). Optuna: a next-generation hyperparameter optimization framework. KDD.
    """
    alone = dict(settings) | {"num_threads": 1}
    space, study = _space(settings), _study()
    study.enqueue_trial({name: settings[name] for name in space})
    runner = TrialRunner(rows, alone, max_rounds, _ledger(rows, alone, folder, seed=seed, max_rounds=max_rounds))
    trials: list[Trial] = []
    with step("search parameters", n_trials, "trials") as advance, ThreadPoolExecutor(threads) as pool:
        while len(trials) < n_trials:
            size = min(_BATCH if trials else 1, n_trials - len(trials))
            asked = [_asked(study, space, seed=seed, number=len(trials) + k) for k in range(size)]
            trials += runner.finish(asked, pool)
            for trial, done in zip(asked, trials[-size:], strict=True):
                _tell(study, trial, done)
            advance(size)
    return Found(*best_of(trials), trials)


def best_of(trials: Sequence[Trial]) -> tuple[dict[str, float | int], Trial]:
    """Return the parameters to use, none where the default is kept, and the trial with the least loss.

    Better by less than one standard error of the mean paired difference is no better: of several trials that are
    equally good one is always ahead by chance.
    """
    finished = [trial for trial in trials if trial.loss is not None]
    best = max(finished, key=lambda trial: (trial.gain, -trial.number))
    return (dict(best.parameters) if best.gain > best.error else {}), best


def _space(settings: Mapping[str, Any]) -> dict[str, _Range]:
    """Return least and greatest value of each parameter, around the default, and whether they are searched by ratio."""
    near = {name: settings[name] for name in ("num_leaves", "min_data_in_leaf", "learning_rate", "lambda_l2")}
    return {
        "num_leaves": (max(3, near["num_leaves"] // 3), min(255, 3 * near["num_leaves"]), True),
        "min_data_in_leaf": (max(3, near["min_data_in_leaf"] // 4), 4 * near["min_data_in_leaf"], True),
        "learning_rate": (near["learning_rate"] / 3.0, 2.0 * near["learning_rate"], True),
        "lambda_l2": (near["lambda_l2"] / 10.0, 10.0 * near["lambda_l2"], True),
        "feature_fraction": (settings["feature_fraction"] / 3.0, 1.0, False),
        "bagging_fraction": (min(0.4, settings["bagging_fraction"]), 1.0, False),
    }


def _study() -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_WARM_UP_TRIALS, n_warmup_steps=_WARM_UP_STEPS)
    return optuna.create_study(direction="minimize", pruner=pruner)


def _asked(study: optuna.Study, space: Mapping[str, _Range], *, seed: int, number: int) -> optuna.Trial:
    """Ask for the next trial; its draws come from the seed and its number alone."""
    from optuna.samplers import TPESampler

    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    study.sampler = TPESampler(seed=own, n_startup_trials=_DRAWN_AT_RANDOM)
    trial = study.ask()
    for name, (least, most, by_ratio) in space.items():
        if isinstance(least, int) and isinstance(most, int):
            trial.suggest_int(name, least, most, log=by_ratio)
        else:
            trial.suggest_float(name, least, most, log=by_ratio)
    return trial


def _tell(study: optuna.Study, trial: optuna.Trial, done: Trial) -> None:
    import optuna

    state = optuna.trial.TrialState.PRUNED if done.loss is None else optuna.trial.TrialState.COMPLETE
    study.tell(trial, done.loss, state=state)


def _ledger(
    rows: SearchRows, settings: Mapping[str, Any], folder: Path | None, *, seed: int, max_rounds: int
) -> TrialLedger:
    if folder is None:
        return TrialLedger(None)
    parts = {f"split_{n}_{k}": part for n, pair in enumerate(rows.splits) for k, part in enumerate(pair)}
    arrays = {"X": rows.X, "target": rows.target, "weight": rows.weight, "customers": rows.customers, **parts}
    facts = {**settings, "seed": seed, "max_rounds": max_rounds, "categorical": list(rows.categorical)}
    return TrialLedger(folder / f"{digest_of(arrays, facts)[:32]}.json")
