"""The record of trainings and the registry of models: MLflow, here and nowhere else.

Without further settings the store is ``mlflow.db`` (SQLite) and ``mlartifacts/`` in the project's folder; where
``MLFLOW_TRACKING_URI`` is set, it is that one. Only plain files are registered and fetched, with the SHA-256 of each
as a tag of the registered version; no model flavour of MLflow is used, so nothing is ever unpickled. MLflow takes
seconds to import, which is why only functions import it. A tracking server is spoken to by a child process with a
budget of time; trainings wait in a spool of plain files until the store has taken them.
"""

from churnml.tracking.calls import (
    champion_version,
    deliver,
    fetch,
    gate_of,
    registered,
    set_alias,
    tag_version,
    tags_of,
)
from churnml.tracking.files import MODEL_FILES, model_digest
from churnml.tracking.runs import Recorded, RunRecord, SearchTrial, git_commit, record
from churnml.tracking.served import WAIT_SECONDS, allow
from churnml.tracking.spool import SPOOL, keep, pending, remove

__all__ = [
    "MODEL_FILES",
    "SPOOL",
    "WAIT_SECONDS",
    "Recorded",
    "RunRecord",
    "SearchTrial",
    "allow",
    "champion_version",
    "deliver",
    "fetch",
    "gate_of",
    "git_commit",
    "keep",
    "model_digest",
    "pending",
    "record",
    "registered",
    "remove",
    "set_alias",
    "tag_version",
    "tags_of",
]
