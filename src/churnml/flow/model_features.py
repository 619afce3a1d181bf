"""What each model is shown when it scores: features by its own plan, made of nothing but what it has learned from.

Churn and value may have been learned by different runs, with other windows, levels, tables or own features. Their
columns then stand beside each other in one folder, those of the second model under names of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.estimators.artifact import LoadedModel
from churnml.features.plan import FeaturePlan
from churnml.flow.featurize import FeatureSet, featurize_sets
from churnml.flow.reference import CONTRACT, contract, require_known_columns
from churnml.flow.score_rows import VALUE, Models
from churnml.flow.spine import make_spine
from churnml.histories.store import History, TableInfo
from churnml.storage import read_json

__all__ = ["features_to_score"]


@dataclass(frozen=True, slots=True)
class _Learned:
    """A plan of features, and by table the columns by role that they are made of; None = all of them."""

    plan: FeaturePlan
    tables: Mapping[str, Any] | None

    def view(self, history: History) -> History:
        """Return histories without tables and columns that were not there when the model learned."""
        if self.tables is None:
            return history
        kept = {
            name: _as_learned(history.tables[name], roles)
            for name, roles in self.tables.items()
            if name in history.tables
        }
        return replace(history, tables={name: kept[name] for name in history.tables if name in kept})


def features_to_score(
    params: Params, history: History, models: Models, folder: Path, *, root: Path, made: Path | None = None
) -> Path:
    """Return a folder of features at ``as_of`` in which each model finds its own columns.

    Parameters
    ----------
    params : Params
    history : History
    models : Models
    folder : Path
        Private folder, used where features have to be made.
    root : Path
        Project folder.
    made : Path, optional
        Features that a run has made; taken where every model has learned by their plan from the tables as they are.

    Raises
    ------
    ModelError
        If the histories lack what a model has learned from, saying which model, table and column.
    """
    for model, name in ((models.churn, "churn"), (models.value, "clv")):
        if model is not None:
            require_known_columns(params, model.meta, model=name)
    learned = _learned(models)
    if made is not None and all(_is_made(one, made, params) for one in learned):
        return made
    make_spine(history, params, folder / "spine", to_score_only=True)
    sets = [FeatureSet(one.plan, one.view(history), prefix) for one, prefix in zip(learned, ("", VALUE), strict=False)]
    featurize_sets(sets, history, params, folder / "spine", folder / "features", root=root)
    return folder / "features"


def _learned(models: Models) -> Sequence[_Learned]:
    """Return what the churn model has learned by, and what the value model has where that is something else."""
    first = _of(models.churn)
    second = first if models.value is None else _of(models.value)
    # A value model from before there were contracts in its record is taken to have seen the churn model's tables.
    same = first.plan == second.plan and second.tables in (None, first.tables)
    return [first] if same else [first, second]


def _of(model: LoadedModel) -> _Learned:
    return _Learned(FeaturePlan.from_json(model.meta["feature_plan"]), model.meta.get(CONTRACT))


def _is_made(learned: _Learned, made: Path, params: Params) -> bool:
    plan = FeaturePlan.from_json(read_json(made / "plan.json"))
    return learned.plan == plan and learned.tables in (None, contract(params))


def _as_learned(info: TableInfo, roles: Mapping[str, Any]) -> TableInfo:
    """Return a table with the numbers and categories of that time, in the order of that time."""
    if info.kind == "calendar":
        return info
    return replace(
        info,
        numbers=tuple(name for name in roles["numbers"] if name in info.numbers),
        categories=tuple(name for name in roles["categories"] if name in info.categories),
        columns=tuple(name for name in info.columns if name != "end_reason" or name in roles["categories"]),
        has_amount=info.has_amount and "amount" in roles["numbers"],
    )
