from __future__ import annotations

from pathlib import Path

import pytest

from churnml.config import Campaign
from churnml.errors import ConfigError
from churnml.flow.playbook import read_playbook

ACTION = {"channel": "phone", "effect": 0.2}
CAMPAIGN = {"actions": {"call": ACTION, "mail": ACTION | {"channel": "email"}}, "segment": "segment"}


def read(folder: Path, data: bytes | str, name: str = "p.csv"):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_playbook(Campaign.model_validate(CAMPAIGN | {"playbook": name}), root=folder)


@pytest.mark.parametrize(
    "data",
    [
        b"cause,action\n*,call\nprice,mail\n",
        b"\xef\xbb\xbfcause;value_tier;action\r\n*;;call\r\n\r\nprice;*;mail\r\n",
        b'cause\taction\twords_zh\n*\tcall\t\nprice\t"mail"\t\n',
    ],
)
def test_csv_as_spreadsheets_save_it(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data)
    assert (found.find("price", "A", None).actions, found.find("silence", "A", None).actions) == (("mail",), ("call",))


def test_yaml_says_the_same(tmp_path: Path) -> None:
    found = read(tmp_path, "playbook:\n  - {cause: '*', action: call}\n  - {cause: price, action: mail}\n", "p.yaml")
    assert found.find("price", "A", None).line == 3


def test_no_playbook_is_none() -> None:
    assert read_playbook(Campaign(), root=Path()) is None


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "p.csv", r"p\.csv:1: holds a column that is none|p\.csv:1: lacks the column"),
        (b"cause,action\n", "p.csv", r"p\.csv: holds no rows"),
        (b"cause,acton\n*,call\n", "p.csv", r"p\.csv:1: holds a column that is none\. Did you mean action\?"),
        (b"cause,value_tier\n*,A\n", "p.csv", r"p\.csv:1: lacks the column action"),
        (b"cause,cause,action\n*,*,call\n", "p.csv", r"p\.csv:1: names a column twice"),
        (b"cause,action\n*,call\nprice\n", "p.csv", r"p\.csv:3: has 1 fields, the header 2"),
        (b'cause,action\n*,"call\n', "p.csv", r"p\.csv:2: cannot be read as CSV"),
        ("cause,action\n*,call\n价格,call\n".encode("gbk"), "p.csv", r"p\.csv: is not UTF-8\. Save it as CSV UTF-8"),
        (b"a: b\n", "p.yaml", r"p\.yaml:1: must be one list under the key playbook"),
        (b"playbook:\n- call\n", "p.yaml", r"p\.yaml:2: each entry must be a block"),
        (b"playbook:\n- {cause: '*', action: [call]}\n", "p.yaml", r"p\.yaml:2: each entry must be a block of texts"),
        (b"cause,action\nprice,call\n", "p.csv", r"p\.csv: cause silence has no action"),
        (b"x" * 1_000_001, "p.csv", r"p\.csv: campaign\.playbook: larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, data: bytes, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, data, name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"q\.csv: campaign\.playbook: file not found"):
        read_playbook(Campaign.model_validate(CAMPAIGN | {"playbook": "q.csv"}), root=tmp_path)
