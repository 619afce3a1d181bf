"""One key of ``params.yaml`` given another value: comments, order and every other byte stay as they were written."""

from __future__ import annotations

import yaml

from churnml.config.problems import KeyPath, key_text
from churnml.config.strict_yaml import parse_yaml
from churnml.errors import ConfigError

__all__ = ["with_value"]

_MARK = b"\xef\xbb\xbf"


def with_value(data: bytes, path: KeyPath, value: str, *, file: str) -> bytes:
    """Return a parameter file in which one scalar is another one; it keeps its quotes, or goes without as before.

    Parameters
    ----------
    data : bytes
        YAML as :func:`churnml.config.strict_yaml.parse_yaml` takes it.
    path : tuple of str
        Key path; it must stand in the file.
    value : str
        Needs no quotes and no escapes, as a date.
    file : str
        Name used in messages.

    Raises
    ------
    ConfigError
        If the file is not such YAML, or has no such key.
    """
    parse_yaml(data, file=file)  # no anchor, alias or key given twice: a key stands in one place
    mark = _MARK if data.startswith(_MARK) else b""
    text = data.removeprefix(mark).decode()
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in path:
        below = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((each for name, each in below if name.value == key), None)
    if not isinstance(node, yaml.ScalarNode) or node.start_mark is None or node.end_mark is None:
        raise ConfigError("required key is missing", rule="config.missing_key", file=file, column=key_text(path))
    quote = node.style if node.style in {"'", '"'} else ""
    begin, end = node.start_mark.index, node.end_mark.index
    gap = " " if begin == end else ""  # a key without a value has its place right behind the colon
    return mark + f"{text[:begin]}{gap}{quote}{value}{quote}{text[end:]}".encode()
