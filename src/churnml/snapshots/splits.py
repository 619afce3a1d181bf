"""Which snapshots learn and which check: by date with a gap as long as the outcome, else by customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from churnml.errors import TimeContractError
from churnml.timeline import us_to_iso

__all__ = ["Split", "check_purged", "final_split", "split_by_customer", "split_by_date", "split_stratified"]

Int64s = npt.NDArray[np.int64]
_MAX_CUTOFFS = 3
_MAX_BLOCKS = 24
_N_FOLDS = 5


def _nothing() -> Int64s:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Split:
    """Rows that learn, stop and calibrate, and check; indices into the labelled rows.

    Parameters
    ----------
    name : str
        The tested observation date, or ``fold-1`` ....
    train, valid, test : ndarray of int64
        ``train`` or ``valid`` may be empty: then the estimator sets customers aside itself.
    between : ndarray of int64
        Rows settled before the tested date whose outcome was open at the date of ``valid``.
    is_out_of_time : bool
        False where learned and tested snapshots share dates.
    """

    name: str
    train: Int64s
    valid: Int64s = field(default_factory=_nothing)
    test: Int64s = field(default_factory=_nothing)
    between: Int64s = field(default_factory=_nothing)
    is_out_of_time: bool = True


def _blocks(dates: Int64s) -> list[Int64s]:
    """Return row indices by date, ascending; very many dates (own anchors) are joined to equal parts."""
    distinct, place = np.unique(dates, return_inverse=True)
    if len(distinct) > _MAX_BLOCKS:
        part = np.searchsorted(np.quantile(dates, np.linspace(0, 1, _MAX_BLOCKS // 2 + 1)[1:-1]), dates, side="left")
        place = np.unique(part, return_inverse=True)[1]
    return [np.nonzero(place == b)[0] for b in range(int(place.max()) + 1)] if len(dates) else []


def _learned_before(dates: Int64s, blocks: Sequence[Int64s], *, at: int, reach_us: int) -> tuple[Int64s, ...]:
    """Return (train, valid, between) rows whose outcomes are settled at ``at``.

    ``valid`` is the newest block; ``train`` the blocks settled before it begins, ``between`` the others. Where
    nothing is settled before ``valid`` begins, ``train`` is empty: level and calibration still come from ``valid``.
    """
    settled = [rows for rows in blocks if dates[rows].max() + reach_us <= at]
    if not settled:
        return _nothing(), _nothing(), _nothing()
    valid = settled[-1]
    is_earlier = [dates[rows].max() + reach_us <= dates[valid].min() for rows in settled[:-1]]
    earlier = [rows for rows, early in zip(settled[:-1], is_earlier, strict=True) if early]
    between = [rows for rows, early in zip(settled[:-1], is_earlier, strict=True) if not early]
    return np.sort(np.concatenate([_nothing(), *earlier])), valid, np.sort(np.concatenate([_nothing(), *between]))


def split_by_date(dates: Int64s, *, reach_us: int) -> list[Split]:
    """Return up to three out-of-time cut-offs, newest last.

    No outcome window of a learned row reaches past the first tested date, and none of the trained rows past the
    first date that stops and calibrates them.

    Parameters
    ----------
    dates : ndarray of int64, shape (n_rows,)
        Observation date of each labelled row.
    reach_us : int
        How far after its date a row's outcome is settled.
    """
    blocks = _blocks(dates)
    splits = []
    for test in blocks[::-1]:
        train, valid, between = _learned_before(dates, blocks, at=int(dates[test].min()), reach_us=reach_us)
        if len(valid):
            splits.append(Split(us_to_iso(int(dates[test].min())), train, valid, test, between))
        if len(splits) == _MAX_CUTOFFS:
            break
    return splits[::-1]


def final_split(dates: Int64s, *, as_of: int, reach_us: int) -> Split:
    """Return what the model to be used learns from: everything settled at ``as_of``, by the same rule."""
    train, valid, between = _learned_before(dates, _blocks(dates), at=as_of, reach_us=reach_us)
    return Split("final", train, valid, between=between)


def check_purged(split: Split, dates: Int64s, *, reach_us: int, as_of: int) -> None:
    """Refuse a split in which an outcome that is learned from was still open when it is used.

    The gap between what learns and what checks is the whole reach of an outcome: lead, horizon, grace, and the time
    until late rows have come in. One day less, and the label of a learned row would tell of the tested period.

    Parameters
    ----------
    split : Split
    dates : ndarray of int64, shape (n_rows,)
        Observation date of each labelled row.
    reach_us : int
        How far after its date a row's outcome is settled.
    as_of : int
        When the outcomes of a split without tested rows must be settled.

    Raises
    ------
    TimeContractError
        Naming the two dates, if the outcome windows of learned rows reach into the tested date, or those of trained
        rows into the date that stops and calibrates.
    """
    if not split.is_out_of_time:
        return
    tested = int(dates[split.test].min()) if len(split.test) else as_of
    learned = np.concatenate([split.train, split.valid, split.between])
    checked = [(learned, tested, "the tested date")]
    if len(split.valid):
        checked.append((split.train, int(dates[split.valid].min()), "the date that stops training"))
    for rows, used, name in checked:
        overlap = dates[rows] + reach_us > used
        if overlap.any():
            newest = int(dates[rows].max())
            raise TimeContractError(
                f"outcomes of snapshots of {us_to_iso(newest)} are open until {us_to_iso(newest + reach_us)}, after "
                f"{name} {us_to_iso(used)}",
                rule="time.gap",
                file="params.yaml",
                column="snapshots",
                count=int(overlap.sum()),
                next_step="Leave lead, horizon, grace and settling time between what learns and what is tested.",
            )


def split_by_customer(customers: Int64s, *, seed: int, n_folds: int = _N_FOLDS) -> list[Split]:
    """Return folds of whole customers, for histories too short to test out of time.

    Parameters
    ----------
    customers : ndarray of int64, shape (n_rows,)
        Number of the customer of each row.
    seed : int
    """
    distinct, place = np.unique(customers, return_inverse=True)
    n_folds = min(n_folds, len(distinct))
    fold_of = np.random.default_rng(seed).permutation(len(distinct)) % n_folds
    return _folds(fold_of[place], n_folds)


def split_stratified(labels: npt.NDArray[np.int8], *, seed: int, n_folds: int = _N_FOLDS) -> list[Split]:
    """Return folds with equal shares of each label, for tables without time."""
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.nonzero(labels == label)[0]
        fold_of[rows] = rng.permutation(len(rows)) % n_folds
    return _folds(fold_of, n_folds)


def _folds(fold_of: Int64s, n_folds: int) -> list[Split]:
    return [
        Split(f"fold-{f + 1}", np.nonzero(fold_of != f)[0], test=np.nonzero(fold_of == f)[0], is_out_of_time=False)
        for f in range(n_folds)
    ]
