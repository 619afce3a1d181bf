"""LightGBM's model text as flat arrays: every tree behind the other, as compiled loops want them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from churnml.errors import ModelError

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["Trees", "trees_of", "trees_of_text"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_IS_CATEGORY, _IS_DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2
_MISSING_ZERO, _MISSING_NAN = 1, 2
BITS = 32
"""Levels in a word of a bit set."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Splits and leaves of all trees.

    Children below zero are leaves: ``-1`` is the first of the tree. A split on a category sends the levels of its bit
    set to the left.

    Parameters
    ----------
    n_features : int
    first_split, first_leaf : ndarray of int64, shape (n_trees + 1,)
        Where a tree's splits and leaves begin.
    feature, left, right : ndarray of int64, shape (n_splits,)
    threshold : ndarray of float64, shape (n_splits,)
    nan_left, zero_left : ndarray of int64, shape (n_splits,)
        1 or 0 = where a missing value goes, and (-1 = as any number) where a zero goes.
    first_word : ndarray of int64, shape (n_splits + 1,)
        Where the bit set of a split begins; empty for a number.
    words : ndarray of uint32
        Bit sets of categories.
    n_split, n_leaf : ndarray of float64, shape (n_splits,) and (n_leaves,)
        Rows that were learned from there.
    value : ndarray of float64, shape (n_leaves,)
    """

    n_features: int
    first_split: Ints
    first_leaf: Ints
    feature: Ints
    left: Ints
    right: Ints
    threshold: Floats
    nan_left: Ints
    zero_left: Ints
    first_word: Ints
    words: npt.NDArray[np.uint32]
    n_split: Floats
    n_leaf: Floats
    value: Floats


_READ: WeakKeyDictionary[lgb.Booster, Trees] = WeakKeyDictionary()


def trees_of(booster: lgb.Booster) -> Trees:
    """Take a finished booster's text apart, once; raises as :func:`trees_of_text`."""
    if booster not in _READ:
        _READ[booster] = trees_of_text(booster.model_to_string())
    return _READ[booster]


def trees_of_text(text: str) -> Trees:
    """Take LightGBM's model text apart.

    Parameters
    ----------
    text : str
        As written by ``Booster.model_to_string``, of a model with one output.

    Raises
    ------
    ModelError
        If it holds trees of another kind (several outputs, averages, or a linear model in the leaves), or trees that
        do not hang together.
    """
    head, *bodies = _TREE.split(text[: text.index("\nend of trees")])
    header = _pairs(head)
    trees = [_pairs(body) for body in bodies]
    is_mean = "average_output" in head.split("\n")
    if (
        is_mean
        or header.get("num_tree_per_iteration", "1") != "1"
        or any(tree.get("is_linear", "0") != "0" for tree in trees)
    ):
        raise ModelError(
            "contributions are known for trees with one number in each leaf only",
            rule="model.kind",
            next_step="Train the model with churnml.",
        )
    n_leaves = [int(tree["num_leaves"]) for tree in trees]
    kinds, threshold = _joined(trees, "decision_type").astype(np.int64), _joined(trees, "threshold")
    first_split = np.concatenate([[0], np.cumsum(np.array(n_leaves, dtype=np.int64) - 1)])
    first_word, words = _bit_sets(trees, kinds, threshold, first_split)
    missing, is_left = kinds >> _MISSING_SHIFT, (kinds & _IS_DEFAULT_LEFT) // _IS_DEFAULT_LEFT
    found = Trees(
        n_features=int(header["max_feature_idx"]) + 1,
        first_split=first_split,
        first_leaf=np.concatenate([[0], np.cumsum(n_leaves, dtype=np.int64)]),
        feature=_joined(trees, "split_feature").astype(np.int64),
        left=_joined(trees, "left_child").astype(np.int64),
        right=_joined(trees, "right_child").astype(np.int64),
        threshold=threshold,
        # Where missing values were unknown in training, LightGBM reads them as zero.
        nan_left=np.where(missing == 0, threshold >= 0.0, is_left == 1).astype(np.int64),
        zero_left=np.where(missing == _MISSING_ZERO, is_left, -1),
        first_word=first_word,
        words=words,
        n_split=_joined(trees, "internal_count"),
        n_leaf=np.concatenate([np.zeros(0), *(_leaf_counts(tree, n) for tree, n in zip(trees, n_leaves, strict=True))]),
        value=_joined(trees, "leaf_value"),
    )
    _check(found)
    return found


def _check(trees: Trees) -> None:
    """Refuse trees that a walk could leave, or not come out of: compiled loops test no place they go to."""
    sizes = np.diff(trees.first_split)
    place = np.arange(trees.feature.size) - np.repeat(trees.first_split[:-1], sizes)
    last = np.repeat(sizes, sizes)
    hangs = all(
        (((child > place) & (child < last)) | ((child < 0) & (child >= -1 - last))).all()
        for child in (trees.left, trees.right)
    )
    is_whole = len(place) == len(trees.threshold) == len(trees.left) and len(trees.value) == trees.first_leaf[-1]
    if not (hangs and is_whole and ((trees.feature >= 0) & (trees.feature < trees.n_features)).all()):
        raise ModelError("trees that do not hang together", rule="model.format", file="model.txt")


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def _leaf_counts(tree: Mapping[str, str], n_leaves: int) -> Floats:
    """Return the rows of each leaf; for a tree that is a single leaf they may be left out, and do not matter."""
    return np.ones(1) if n_leaves == 1 else np.array(tree["leaf_count"].split(), dtype=np.float64)


def _joined(trees: Sequence[Mapping[str, str]], key: str) -> Floats:
    """Return one line of all trees behind each other; a tree that is a single leaf has none."""
    return np.concatenate([np.zeros(0), *(np.array(tree.get(key, "").split(), dtype=np.float64) for tree in trees)])


def _bit_sets(
    trees: Sequence[Mapping[str, str]], kinds: Ints, threshold: Floats, first_split: Ints
) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Return where each split's bit set begins, and all bit sets; the threshold of a category is its set's number."""
    sizes, words = np.zeros(kinds.size, dtype=np.int64), [np.zeros(0, dtype=np.uint32)]
    for number, tree in enumerate(trees):
        if tree.get("num_cat", "0") == "0":
            continue
        bounds = np.array(tree["cat_boundaries"].split(), dtype=np.int64)
        bits = np.array(tree["cat_threshold"].split(), dtype=np.uint32)
        for split in range(first_split[number], first_split[number + 1]):
            if kinds[split] & _IS_CATEGORY:
                at = int(threshold[split])
                words.append(bits[bounds[at] : bounds[at + 1]])
                sizes[split] = words[-1].size
    return np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(words)
