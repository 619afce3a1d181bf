"""Raw scores of a booster by a compiled walk over its trees: LightGBM's own to the last bit, in less time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Self
from weakref import WeakKeyDictionary

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from churnml.errors import ModelError
from churnml.estimators.tree_text import Trees, trees_of
from churnml.estimators.walk_kernel import (
    CATEGORY,
    NAN_LEFT,
    NAN_RIGHT,
    ROWS,
    ZERO,
    ZERO_LEFT,
    ZERO_RIGHT,
    add_leaves,
)

__all__ = ["TreeWalk", "raw_scores"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

_WORTH_READING = 2_000_000
"""Rows times trees from which on the walk makes up for reading the text of the trees."""
_READY: WeakKeyDictionary[lgb.Booster, TreeWalk | None] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class TreeWalk:
    """The trees of a booster, laid out for :func:`churnml.estimators.walk_kernel.add_leaves`.

    Parameters
    ----------
    root : ndarray of int32, shape (n_trees,)
        First split of each tree, below zero a leaf.
    feature : ndarray of int32, shape (n_splits,)
    kind : ndarray of uint8, shape (n_splits,)
    limit : ndarray of float32, shape (n_splits,)
        A float32 goes left if it is not above: the largest one that LightGBM sends there.
    child : ndarray of int32, shape (2 * n_splits,)
        Right and left child of each split.
    first_word, words : ndarray
        As in :class:`churnml.estimators.tree_text.Trees`.
    leaf : ndarray of float64, shape (n_leaves,)
    """

    root: Ints
    feature: Ints
    kind: npt.NDArray[np.uint8]
    limit: npt.NDArray[np.float32]
    child: Ints
    first_word: Ints
    words: npt.NDArray[np.uint32]
    leaf: Floats

    @classmethod
    def of(cls, trees: Trees) -> Self:
        """Lay trees out."""
        sizes = np.diff(trees.first_split)
        shift, leaves = np.repeat(trees.first_split[:-1], sizes), np.repeat(trees.first_leaf[:-1], sizes)
        child = np.stack([np.where(c < 0, c - leaves, c + shift) for c in (trees.right, trees.left)], axis=1)
        of_number = np.where(trees.nan_left == 1, NAN_LEFT, NAN_RIGHT)
        of_zero = np.where(trees.zero_left == 1, ZERO_LEFT, ZERO_RIGHT)
        kind = np.where(trees.zero_left < 0, of_number, of_zero)
        kind[np.diff(trees.first_word) > 0] = CATEGORY
        return cls(
            root=np.where(sizes > 0, trees.first_split[:-1], -1 - trees.first_leaf[:-1]).astype(np.int32),
            feature=trees.feature.astype(np.int32),
            kind=kind.astype(np.uint8),
            limit=_limits(trees.threshold),
            child=child.ravel().astype(np.int32),
            first_word=trees.first_word.astype(np.int32),
            words=trees.words,
            leaf=trees.value,
        )

    def __call__(self, X: npt.NDArray[np.float32], *, threads: int = 1) -> Floats:
        """Return the sum over all trees, shape (n_rows,); the same for any number of threads."""
        out = np.empty(X.shape[0])
        arrays = [getattr(self, field.name) for field in fields(self)]
        size = max(8 * ROWS, -(-X.shape[0] // (4 * threads * ROWS)) * ROWS)
        starts = range(0, X.shape[0], size)

        def walk(start: int) -> None:
            add_leaves(X, start, min(start + size, X.shape[0]), *arrays, out)

        if threads == 1 or len(starts) < 2:
            for start in starts:
                walk(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(walk, starts))
        return out


def _limits(threshold: Floats) -> npt.NDArray[np.float32]:
    """Return the largest float32 that is not above each threshold, once what counts as zero is compared as zero."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    above = near.astype(np.float64) > threshold
    near[above] = np.nextafter(near[above], np.float32(-np.inf))
    near[(threshold >= 0.0) & (near < ZERO)] = ZERO
    near[(threshold < 0.0) & (near >= -ZERO)] = np.nextafter(-ZERO, np.float32(-np.inf))
    return near


def raw_scores(booster: lgb.Booster, X: npt.NDArray[np.float32], *, threads: int = 1) -> Floats:
    """Return what ``booster.predict(X, raw_score=True)`` returns, to the last bit.

    Few rows are left to LightGBM, and so are trees of a kind that is not walked here (several outputs, linear leaves,
    averages) and numbers of another type than float32.

    Parameters
    ----------
    booster : lightgbm.Booster
        Finished: it must not grow between two calls.
    X : ndarray of float32, shape (n_rows, n_features)
        NaN = missing.
    threads : int
        The result is the same for any number.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
    """
    walk = _walk_for(booster, X)
    if walk is None:
        return np.asarray(booster.predict(X, raw_score=True, num_threads=threads), dtype=np.float64)
    return walk(np.ascontiguousarray(X), threads=threads)


def _walk_for(booster: lgb.Booster, X: npt.NDArray[np.float32]) -> TreeWalk | None:
    if X.dtype != np.float32 or X.shape[1] != booster.num_feature():
        return None
    if booster not in _READY:
        if X.shape[0] * booster.num_trees() < _WORTH_READING:
            return None
        try:
            _READY[booster] = TreeWalk.of(trees_of(booster))
        except ModelError:
            _READY[booster] = None
    return _READY[booster]
