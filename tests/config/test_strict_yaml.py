import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from churnml.config.small_files import MAX_BYTES
from churnml.config.strict_yaml import MAX_DEPTH, parse_yaml
from churnml.errors import ConfigError


@pytest.mark.parametrize("text", ["NO", "yes", "0123", "12:30:45", "1e3", "2024-06-30", "0x1F", ".inf", "1_000", "="])
def test_plain_scalars_stay_text(text):
    assert parse_yaml(f"key: {text}".encode(), file="p").value == {"key": text}


@pytest.mark.parametrize(("written", "read"), [("", None), ("~", None), ("null", None), ("NULL", None), ("''", "")])
def test_only_plain_nulls_are_nothing(written, read):
    assert parse_yaml(f"key: {written}".encode(), file="p").value == {"key": read}


def test_quoted_null_is_text():
    assert parse_yaml(b"key: ['null', \"~\", '']", file="p").value == {"key": ["null", "~", ""]}


def test_lines_belong_to_keys_and_items():
    parsed = parse_yaml(b"# head\na:\n  b: 1\n  c:\n  - x\n  - y\n", file="p")
    assert parsed.lines == {("a",): 2, ("a", "b"): 3, ("a", "c"): 4, ("a", "c", 0): 5, ("a", "c", 1): 6}


def test_byte_order_mark_and_windows_lines_are_read():
    assert parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", file="p").value == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", r"^p:2: a: key given twice, first on line 1\.$"),
        ("a: {b: 1, c: 2, b: 3}", r"^p:1: a\.b: key given twice"),
        ("a: &x 1\nb: *x", r"^p:1: a: anchors and aliases"),
        ("a: &x\n  b: *x", r"anchors and aliases"),
        ("a: 1\nb: *x", r"^p:2: b: anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]", r"^p:1: a: tags are not allowed"),
        ("a: !!int 3", r"tags are not allowed"),
        ("a: ! x", r"tags are not allowed"),
        ("%YAML 1.1\n---\na: 1", r"directives are not allowed"),
        ("a: 1\n---\nb: 1", r"^p:2: a second document"),
        ("? [a, b]\n: 1", r"a key must be plain text"),
        ("!!str a: 1", r"a key must be plain text"),
        ("- a", r"not a block of keys"),
        ("word", r"not a block of keys"),
        ("", r"^p: empty file"),
        ("# only a comment\n", r"empty file"),
        ("a: 1\n\tb: 2", r"^p:2: not valid YAML"),
        ("a: [1, 2", r"not valid YAML"),
        ("a: 'secret", r"not valid YAML"),
        ("a: 1\nb: x\x01", r"^p:2: not valid YAML"),
    ],
)
def test_what_yaml_can_do_beyond_plain_values_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_yaml(text.encode(), file="p")


def test_depth_has_a_limit():
    deepest = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert "a" in parse_yaml(deepest.encode(), file="p").value
    with pytest.raises(ConfigError, match="nested deeper than"):
        parse_yaml(("a: " + "[" * 5000).encode(), file="p")


def test_size_has_a_limit():
    with pytest.raises(ConfigError, match="larger than"):
        parse_yaml(b"#" * (MAX_BYTES + 1), file="p")


def test_bytes_that_are_no_text_name_their_line():
    with pytest.raises(ConfigError, match=r"^p:3: not UTF-8 text"):
        parse_yaml(b"a: 1\nb: 2\nc: \xff\n", file="p")


TEXT = st.text(st.characters(codec="utf-8"), min_size=1)


@given(st.dictionaries(TEXT, TEXT | st.lists(TEXT) | st.none(), min_size=1, max_size=5))
def test_what_a_yaml_writer_quotes_comes_back(value):
    assert parse_yaml(yaml.safe_dump(value).encode(), file="p").value == value
