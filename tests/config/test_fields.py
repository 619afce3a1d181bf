from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.config.fields import plain_path, printable
from churnml.errors import ConfigError
from churnml.storage import resolve


def accepts(check, name):
    try:
        check(name)
    except ConfigError:
        return False
    return True


@given(st.text("ab/.~*?[]{}\\: \t\n\x00", min_size=1, max_size=8))
def test_a_path_is_refused_where_storage_would_refuse_it(name):
    assert accepts(plain_path, name) == accepts(lambda n: resolve(n, root=Path("nowhere"), key="k"), name)


@pytest.mark.parametrize("text", ["客户编号", "Größe in m²", "net amount", "\xa0x"])
def test_names_in_any_script_are_text(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "a\x85", "a\u2028"])
def test_control_characters_are_refused(text):
    with pytest.raises(ConfigError, match="holds a control character"):
        printable(text)
