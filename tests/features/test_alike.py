from __future__ import annotations

import pytest

from churnml.features.alike import named_alike


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ("jan_spend feb_spend age", {"spend": "jan_spend feb_spend"}),
        ("MonthlyCharges TotalCharges tenure", {"charges": "MonthlyCharges TotalCharges"}),
        ("Total_Trans_Amt Total_Trans_Ct", {"trans": "Total_Trans_Amt Total_Trans_Ct"}),
        ("avgSpend6 avgSpend7", {"spend": "avgSpend6 avgSpend7"}),
        ("VMailMessage DayMins EveMins", {"mins": "DayMins EveMins"}),
        ("daymins evemins nightmins", {"mins": "daymins evemins nightmins"}),
        (
            "totaldaymins totaldaycalls totalevemins",
            {
                "totalday": "totaldaymins totaldaycalls",
                "mins": "totaldaymins totalevemins",
                "total": "totaldaymins totaldaycalls totalevemins",
            },
        ),
        (
            "\u4e00\u6708\u6d88\u8d39 \u4e8c\u6708\u6d88\u8d39 \u5e74\u9f84",
            {"\u6708\u6d88\u8d39": "\u4e00\u6708\u6d88\u8d39 \u4e8c\u6708\u6d88\u8d39"},
        ),
        ("x1 x2 q_1 q_2", {}),
        ("age income", {}),
        ("ab_one ab_two", {"ab": "ab_one ab_two"}),
        ("", {}),
    ],
)
def test_groups_by_the_words_of_their_names(names: str, groups: dict[str, str]) -> None:
    found = {group.stem: " ".join(group.members) for group in named_alike(tuple(names.split()))}
    assert found == groups


@pytest.mark.parametrize(("n", "is_group"), [(1, False), (2, True), (12, True), (13, False)])
def test_groups_have_two_to_twelve_members(n: int, is_group: bool) -> None:
    assert bool(named_alike(tuple(f"spend_{i}" for i in range(n)))) is is_group


def test_small_and_specific_groups_come_first() -> None:
    names = ("total_day_mins", "total_day_calls", "total_eve_mins", "total_eve_calls", "total")
    assert [group.stem for group in named_alike(names)] == ["calls", "mins", "day", "eve", "total"]
