from __future__ import annotations

from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.histories.bucket import Bucket
from churnml.snapshots.lost import endings
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import NEVER, OutcomeWindow


def test_contracts_that_ended_for_good_are_losses_and_renewed_ones_are_not() -> None:
    spans = [("a", 300, 200), ("a", 200, 100), ("b", 300, 50), ("b", 40, 20), ("c", 300, None)]
    spells = [
        {"id": name, "started_at": AS_OF - begin * DAY, "ended_at": None if end is None else AS_OF - end * DAY}
        for name, begin, end in spans
    ]
    history = memory_history(AS_OF, {"plans": ("spells", spells)})
    window = OutcomeWindow.of_days(horizon_days=30, lead_days=0, grace_days=5)
    definition = ChurnDefinition("spell_end", "plans")
    customer, _, last, back = endings(Bucket(history, 0), history, definition, window, after=AS_OF - 365 * DAY)
    found = [(int(c), (AS_OF - int(t)) // DAY, bool(b < NEVER)) for c, t, b in zip(customer, last, back, strict=True)]
    assert found == [(0, 100, False), (1, 50, True), (1, 20, False)]
