from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.holdout import draw, walk


def test_draw_is_stable_and_differs_by_campaign_and_seed() -> None:
    first = draw(["a", "b", "c"], campaign="spring", seed=1)
    assert np.array_equal(draw(["c", "a", "b"], campaign="spring", seed=1), first[[2, 0, 1]])
    assert not np.array_equal(draw(["a", "b", "c"], campaign="autumn", seed=1), first)
    assert not np.array_equal(draw(["a", "b", "c"], campaign="spring", seed=2), first)


def test_draw_is_uniform() -> None:
    u = draw([str(i) for i in range(20_000)], campaign="spring", seed=1)
    assert (u >= 0).all()
    assert (u < 1).all()
    # Five standard errors of a share of one tenth.
    assert np.histogram(u, bins=10, range=(0, 1))[0] / len(u) == pytest.approx(np.full(10, 0.1), abs=0.0106)


def test_draw_never_changes_between_versions() -> None:
    # Another number here would move customers between the arms of running campaigns.
    assert draw(["C00001"], campaign="retention", seed=1)[0] == pytest.approx(0.2556432978722524, abs=1e-15)


def oracle(uniforms: list[float], share: float, n_contacts: int | None) -> list[str]:
    arms, used = [], 0
    for u in uniforms:
        if n_contacts is not None and used >= n_contacts:
            arms.append("over")
        elif u < share:
            arms.append("holdout")
        else:
            arms.append("contact")
            used += 1
    return arms


@given(
    st.lists(st.floats(0, 1, exclude_max=True), max_size=40),
    st.floats(0, 0.9),
    st.none() | st.integers(0, 45),
)
def test_walk_equals_the_slow_walk(uniforms: list[float], share: float, n_contacts: int | None) -> None:
    assert walk(np.array(uniforms), share=share, n_contacts=n_contacts).tolist() == oracle(uniforms, share, n_contacts)
