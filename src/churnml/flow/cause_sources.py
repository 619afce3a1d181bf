"""Where a project's causes of churn stand, and which losses nobody could have prevented."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.flow.roles import churn_definition
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.relationship.causes.stated import StatedColumn, stated_texts
from churnml.relationship.causes.taxonomy import Taxonomy
from churnml.snapshots.churned import losses
from churnml.timeline import OutcomeWindow

__all__ = ["cause_columns", "taxonomy_of", "unpreventable"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def taxonomy_of(params: Params) -> Taxonomy:
    """Return how this project's texts become causes."""
    return Taxonomy(params.causes.texts, params.causes.control)


def cause_columns(params: Params, history: History) -> list[StatedColumn]:
    """Return every column that may say why: those declared, reasons of ended spells, and kinds of churn events."""
    found = [StatedColumn(each.table, each.column, each.source) for each in params.causes.columns]
    found += [StatedColumn(info.name, "", "end_reason") for info in history.of_kind("spells")]
    event = params.churn.event
    if params.churn.definition == "event" and event is not None:
        found.append(StatedColumn(params.churn.table, event.column, "crm"))
    return found


def unpreventable(
    params: Params, history: History, bucket: Bucket, window: OutcomeWindow, customer: Int64s, dates: Int64s
) -> Bools:
    """Return which losses after the dates have a stated cause that nobody at the company can act on.

    Parameters
    ----------
    params : Params
    history : History
    bucket : Bucket
    window : OutcomeWindow
        In which the customers were lost.
    customer, dates : ndarray of int64, shape (n_losses,)

    Returns
    -------
    ndarray of bool, shape (n_losses,)
    """
    found = losses(bucket, history, churn_definition(params), window, customer, dates + window.reach_us)
    since = np.where(found.is_lost, found.since, dates + window.reach_us)
    said = stated_texts(bucket, history, cause_columns(params, history), customer, found.last, since)
    taxonomy = taxonomy_of(params)
    fixed = {"not_controllable", "involuntary"}
    return np.array([taxonomy.control_of(taxonomy.of_text(text)) in fixed for text, _ in said], dtype=bool)
