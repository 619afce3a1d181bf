from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.assessment.topics import topic_ranking


def test_topics_are_ordered_by_the_value_of_those_who_raise_them() -> None:
    n = 100
    topics = {("tickets", "topic", name): np.arange(n) % 4 == k for k, name in enumerate(["a", "b", "c"])}
    topics["tickets", "topic", "few"] = np.arange(n) == 3
    worth = np.where(np.arange(n) % 4 == 1, 50_000, 10_000)
    found = topic_ranking(topics, worth, np.ones(n, dtype=bool), minimum=10)
    first = found["rows"][0]
    assert (first["topic"], first["n"], first["value"], first["mean"]) == (["tickets", "topic", "b"], 25, 125.0, 5.0)
    assert first["high"] == pytest.approx(125 + 1.96 * (25 * 25) ** 0.5, abs=0.01)
    # The one who alone raised a topic could be told from all others: another one is held back too.
    assert found["n_hidden"] == 2
