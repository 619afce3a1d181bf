from __future__ import annotations

from pathlib import Path

from churnml.config.reference import reference_markdown


def test_the_reference_in_docs_is_that_of_the_models() -> None:
    written = (Path(__file__).resolve().parents[2] / "docs" / "params.md").read_text(encoding="utf-8")
    assert written == reference_markdown()


def test_every_block_and_a_nested_key_are_named() -> None:
    text = reference_markdown()
    for block in ("histories", "churn", "clv", "snapshots", "features", "train", "campaign", "simulate"):
        assert f"## {block}" in text
    assert "`csv.delimiter`" in text
