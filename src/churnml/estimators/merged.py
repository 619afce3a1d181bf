"""Several boosters as one: their trees behind each other, each tree's leaves times its booster's weight.

A weighted sum of raw scores is itself a boosted model. As one text it is read, scored and explained at once, with
LightGBM's own code, and nothing beside the native format is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import lightgbm as lgb

__all__ = ["merged"]

_SCALED = ("leaf_value=", "internal_value=", "leaf_const=", "leaf_coeff=")
_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_END = "end of trees"


def merged(parts: Sequence[tuple[float, lgb.Booster]]) -> lgb.Booster:
    """Return the booster whose raw score is the weighted sum of the parts' raw scores.

    Parameters
    ----------
    parts : sequence of (float, lightgbm.Booster)
        Weights > 0, and boosters of one objective over the same columns; a single part of weight 1 comes back as it is.

    Returns
    -------
    lightgbm.Booster
        Its header (feature names, value ranges, parameters) is the first part's.
    """
    if len(parts) == 1 and parts[0][0] == 1.0:
        return parts[0][1]
    texts = [(weight, booster.model_to_string(num_iteration=-1)) for weight, booster in parts]
    first = texts[0][1]
    head, tail = first[: _TREE.search(first).start()], first[first.index(_END) :]  # type: ignore[union-attr]
    trees = [_scaled(tree, weight) for weight, text in texts for tree in _trees(text)]
    numbered = [f"Tree={number}\n{tree}" for number, tree in enumerate(trees)]
    sizes = " ".join(str(len(tree.encode())) for tree in numbered)
    head = re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", head, flags=re.MULTILINE)
    return lgb.Booster(model_str=head + "".join(numbered) + tail)


def _trees(text: str) -> list[str]:
    """Return the trees' texts, each without its number."""
    body = text[: text.index(_END)]
    return _TREE.split(body)[1:]


def _scaled(tree: str, weight: float) -> str:
    """Multiply what a tree adds; how it splits stays as it is."""
    lines = tree.split("\n")
    for place, line in enumerate(lines):
        for name in _SCALED:
            if line.startswith(name) and len(line) > len(name):
                values = (repr(float(value) * weight) for value in line[len(name) :].split())
                lines[place] = name + " ".join(values)
    return "\n".join(lines)
