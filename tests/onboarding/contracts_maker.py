"""Invented exports of contracts and of labelled customers, in three languages and several forms."""

from __future__ import annotations

import csv
import io
import random
from datetime import datetime, timedelta
from pathlib import Path

NAMES = {
    "en": {
        "file": ["subscriptions", "contracts_export", "memberships", "plans"],
        "id": ["customer_id", "AccountId", "member_no", "user_id", "client"],
        "key": ["subscription_id", "contract_no"],
        "start": ["start_date", "valid_from", "activated_on", "Contract Start", "effective_date", "subscribed_at"],
        "end": ["end_date", "valid_to", "cancelled_on", "Contract End", "terminated_at", "ended_at"],
        "amount": ["monthly_fee", "mrr", "price_per_month", "amount", "Annual Premium"],
        "plan": ["plan", "tier", "product"],
        "end_reason": ["cancel_reason", "end_reason", "termination reason"],
        "label": ["churn", "Exited", "is_churned", "Attrition", "churned_flag"],
    },
    "de": {
        "file": ["vertraege", "abonnements", "Mitgliedschaften"],
        "id": ["Kundennummer", "Mitgliedsnr", "KundenID", "Abonnent"],
        "key": ["Vertragsnummer", "Abo-Nr"],
        "start": ["Vertragsbeginn", "gültig_von", "Beginn", "Startdatum"],
        "end": ["Vertragsende", "gültig_bis", "Ende", "Kündigungsdatum", "Enddatum"],
        "amount": ["Monatsbeitrag", "Gebühr", "Beitrag", "Monatspreis"],
        "plan": ["Tarif", "Produkt"],
        "end_reason": ["Kündigungsgrund", "Grund"],
        "label": ["Abgewandert", "gekündigt", "Churn", "Abwanderung"],
    },
    "zh": {
        "file": ["订阅", "合同", "会籍"],
        "id": ["客户编号", "会员号", "用户ID"],
        "key": ["合同编号", "订阅编号"],
        "start": ["开始日期", "生效日期", "开通时间"],
        "end": ["结束日期", "终止日期", "退订时间"],
        "amount": ["月费", "价格", "费用"],
        "plan": ["套餐", "产品"],
        "end_reason": ["终止原因", "退订原因"],
        "label": ["是否流失", "流失", "流失标志"],
    },
}
DATES = {"en": ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y"], "de": ["%d.%m.%Y", "%Y-%m-%d"], "zh": ["%Y-%m-%d", "%Y年%m月%d日"]}
LABELS = [
    ("1", "0"),
    ("Yes", "No"),
    ("True", "False"),
    ("Y", "N"),
    ("ja", "nein"),
    ("是", "否"),
    ("Exited", "Existing"),
]
NOW = datetime(2024, 5, 1)  # noqa: DTZ001 - local times are what exports hold


class ContractsMaker:
    """Draws one export; ``names`` says which column is what.

    Parameters
    ----------
    seed : int
    folder : Path
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.folder = random.Random(seed), folder
        self.language = self.rng.choice(sorted(NAMES))
        self.names = {role: self.rng.choice(words) for role, words in NAMES[self.language].items()}
        self.delimiter = self.rng.choice([",", ";", "\t"])
        self.decimal = "," if self.language == "de" and self.delimiter != "," else "."
        self.date = self.rng.choice(DATES[self.language])
        self.open = self.rng.choice(["", "NULL", datetime(9999, 12, 31).strftime(self.date)])  # noqa: DTZ001

    def contracts(self) -> str:
        """Write contracts, some renewed and some without an end; return the name of the file."""
        rows: list[dict[str, str]] = []
        for customer in range(250):
            begin, goes_on = datetime(2020, 1, 1) + timedelta(days=self.rng.randrange(1200)), True  # noqa: DTZ001
            while begin < NOW and goes_on:
                end = begin + timedelta(days=self.rng.choice([30, 90, 180, 365]) * self.rng.randrange(1, 5))
                rows.append(self.contract(len(rows) + 1, f"K{customer:04d}", begin, end))
                goes_on, begin = self.rng.random() < 0.5, end + timedelta(days=self.rng.choice([0, 1, 1, 10, 40]))
        return self.write(self.names["file"], rows)

    def contract(self, key: int, customer: str, begin: datetime, end: datetime) -> dict[str, str]:
        n, is_over = self.names, end < NOW
        return {
            n["key"]: str(key),
            n["id"]: customer,
            n["start"]: begin.strftime(self.date),
            n["end"]: end.strftime(self.date) if is_over else self.open,
            n["amount"]: self.money(self.rng.choice([9.9, 19.9, 39.5])),
            n["plan"]: self.rng.choice("SML"),
            n["end_reason"]: self.rng.choice(["preis", "umzug"]) if is_over else "",
        }

    def labelled(self) -> str:
        """Write one row a customer with a label; return the name of the file."""
        yes, no = self.rng.choice(LABELS)
        rows = [
            {
                self.names["id"]: str(100_000 + number),
                self.names["amount"]: self.money(self.rng.uniform(5, 90)),
                self.names["plan"]: self.rng.choice("SML"),
                "age": str(self.rng.randrange(18, 90)),
                self.names["label"]: yes if self.rng.random() < 0.25 else no,
            }
            for number in range(400)
        ]
        return self.write("data", rows)

    def money(self, value: float) -> str:
        return f"{value:.2f}".replace(".", self.decimal)

    def write(self, stem: str, rows: list[dict[str, str]]) -> str:
        columns = list(rows[0])
        self.rng.shuffle(columns)
        self.rng.shuffle(rows)
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, delimiter=self.delimiter)
        writer.writeheader()
        writer.writerows(rows)
        (self.folder / f"{stem}.csv").write_text(out.getvalue(), encoding=self.rng.choice(["utf-8", "utf-8-sig"]))
        return f"{stem}.csv"
