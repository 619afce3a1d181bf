"""The agreed simple rule that scores in the model's place outside the normal regime."""

from __future__ import annotations

from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.baselines import ChurnRule
from churnml.histories.crises import Regime

__all__ = ["rule_in_place"]


def rule_in_place(params: Params, regime: Regime, model: LoadedModel) -> ChurnRule | None:
    """Return the simple rule that scores in the model's place; None in the normal regime, and where none is agreed.

    Raises
    ------
    ModelError
        If a rule is agreed that this model has not learned beside itself.
    """
    if params.guard.fallback == "keep_champion" or regime.state == "normal":
        return None
    state = model.meta.get("simple_rule")
    if state is None:
        raise ModelError(
            "the model holds no simple rule that could score in its place",
            rule="model.no_simple_rule",
            next_step="Train again with a table of purchases, or write guard.fallback: keep_champion.",
        )
    return ChurnRule.from_state(state)
