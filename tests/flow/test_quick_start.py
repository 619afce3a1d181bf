from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from churnml.flow.quick_start import quick_start

REPOSITORY = Path(__file__).resolve().parents[2]


def test_featurize_starts_without_linear_algebra_and_leaves_it_to_others() -> None:
    code = (
        f"import gc, sys; sys.path.insert(0, {str(REPOSITORY / 'pipelines')!r}); import featurize;"
        "assert 'scipy.linalg' not in sys.modules; assert gc.isenabled();"
        "import scipy.linalg; assert scipy.linalg.norm([3.0, 4.0]) == 5.0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("enabled", [True, False])
def test_collecting_goes_on_as_before_even_after_a_failed_import(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ImportError, match="no_such_module"), quick_start():
            import no_such_module  # noqa: F401
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


@pytest.mark.parametrize("before", [None, "somebody"])
def test_plugins_of_others_are_left_as_they_were(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)
    if before:
        monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", before)
    with quick_start():
        assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
    assert os.environ.get("PYDANTIC_DISABLE_PLUGINS") == before


def test_arrow_does_without_pandas_where_it_is_told_to() -> None:
    code = (
        "import sys; from churnml.flow.quick_start import without_pandas; without_pandas();"
        "import pyarrow as pa; assert pa.array([1, None]).fill_null(2).to_numpy().tolist() == [1, 2];"
        "assert pa.table({'a': [1]}).num_rows == 1; assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
