from __future__ import annotations

from pathlib import Path

import pytest
from small_company import TO_LISTS, run, write_params


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project folder in which the pipeline has run from nothing to lists; nobody writes into it."""
    folder = tmp_path_factory.mktemp("golden")
    write_params(folder)
    assert run(folder, "configure", "simulate", *TO_LISTS[1:]) == 0
    return folder
