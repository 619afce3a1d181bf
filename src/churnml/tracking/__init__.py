"""The record of trainings and the registry of models: MLflow, here and nowhere else.

Without further settings the store is ``mlflow.db`` (SQLite) and ``mlartifacts/`` in the project's folder; where
``MLFLOW_TRACKING_URI`` is set, it is that one. Only plain files are registered and fetched, with the SHA-256 of each
as a tag of the registered version; no model flavour of MLflow is used, so nothing is ever unpickled. MLflow takes
seconds to import, which is why only functions import it.
"""

from churnml.tracking.files import MODEL_FILES, model_digest
from churnml.tracking.registry import champion_version, fetch, gate_of, set_alias, tag_version, tags_of
from churnml.tracking.runs import Recorded, RunRecord, SearchTrial, git_commit, record

__all__ = [
    "MODEL_FILES",
    "Recorded",
    "RunRecord",
    "SearchTrial",
    "champion_version",
    "fetch",
    "gate_of",
    "git_commit",
    "model_digest",
    "record",
    "set_alias",
    "tag_version",
    "tags_of",
]
