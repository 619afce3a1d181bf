"""Invented exports of invented companies: names, formats, delimiters and orders of columns drawn at random."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

NAMES = {
    "en": {
        "customer_file": ["customers", "crm_accounts", "clients", "members_export"],
        "orders_file": ["orders", "transactions_2024", "sales-export", "purchases"],
        "customer": ["customer_id", "CustomerNo", "client_number", "Account ID", "cust_id", "member_no"],
        "joined": ["signup_date", "registered_on", "Joined", "created_at"],
        "country": ["country", "Region", "market"],
        "email": ["email", "E-Mail Address"],
        "order": ["order_id", "InvoiceNo", "receipt_number", "Transaction ID"],
        "time": ["order_date", "InvoiceDate", "purchased_at", "Transaction Date"],
        "amount": ["net_amount", "Total", "order_value", "Sales Amount", "revenue"],
        "quantity": ["quantity", "Qty", "units"],
        "price": ["unit_price", "UnitPrice", "Item Price"],
        "channel": ["channel", "Store Type", "source"],
        "levels": ["web", "shop", "phone"],
    },
    "de": {
        "customer_file": ["kunden", "Kundenstamm", "stammdaten_kunden"],
        "orders_file": ["bestellungen", "Umsätze", "rechnungen_export"],
        "customer": ["Kundennummer", "KundenNr", "kunden_id", "Kd-Nr"],
        "joined": ["Kunde seit", "angelegt_am", "Registrierungsdatum", "Eintrittsdatum"],
        "country": ["Land", "Bundesland", "Gebiet"],
        "email": ["E-Mail", "EMailAdresse"],
        "order": ["Bestellnummer", "Rechnungsnr", "Belegnummer", "Auftrags-Nr"],
        "time": ["Bestelldatum", "Rechnungsdatum", "Kaufdatum"],
        "amount": ["Betrag", "Umsatz netto", "Gesamtbetrag", "Rechnungssumme"],
        "quantity": ["Menge", "Stückzahl"],
        "price": ["Einzelpreis", "Stückpreis"],
        "channel": ["Kanal", "Vertriebsweg"],
        "levels": ["Laden", "Netz", "Büro"],
    },
    "zh": {
        "customer_file": ["客户", "会员档案"],
        "orders_file": ["订单", "交易明细"],
        "customer": ["客户编号", "会员号", "用户ID"],
        "joined": ["注册日期", "加入时间", "开户日期"],
        "country": ["地区", "城市"],
        "email": ["邮箱"],
        "order": ["订单编号", "交易单号", "订单号"],
        "time": ["下单时间", "交易日期", "购买时间"],
        "amount": ["金额", "实付金额", "订单总额"],
        "quantity": ["数量", "件数"],
        "price": ["单价"],
        "channel": ["渠道", "来源"],
        "levels": ["门店", "网站", "电话"],
    },
}
DATES = {
    "en": ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y", "%d %b %Y", "%Y-%m-%d", "%m/%d/%Y %I:%M:%S %p", "%Y%m%d"],
    "de": ["%d.%m.%Y", "%d.%m.%Y %H:%M", "%Y-%m-%d", "%d.%m.%y"],
    "zh": ["%Y年%m月%d日", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d"],
}
ENCODINGS = {
    "en": ["utf-8", "utf-8-sig", "utf-16"],
    "de": ["utf-8", "utf-8-sig", "cp1252", "utf-16"],
    "zh": ["utf-8", "gb18030", "utf-8-sig", "utf-16"],
}


@dataclass
class Export:
    """What was written, and what of it is true."""

    folder: Path
    language: str
    customer: str
    time: str
    amount: str | list[str]
    order: str | None
    customers_file: str
    orders_file: str
    last_day: datetime
    style: dict[str, str] = field(default_factory=dict)


class Maker:
    """Draws one export.

    Parameters
    ----------
    seed : int
    folder : Path
    n_customers, days : int
    """

    def __init__(self, seed: int, folder: Path, *, n_customers: int = 150, days: int = 500) -> None:
        self.rng = np.random.default_rng(seed)
        self.folder, self.n_customers, self.days = folder, n_customers, days
        self.language = self.one(["en", "de", "zh"])
        self.is_lines = bool(self.rng.random() < 0.4)
        self.decimal = "," if self.language == "de" and self.rng.random() < 0.8 else "."
        self.delimiter = self.one([";", "\t", "|"] if self.decimal == "," else [",", ";", "\t", "|"])
        self.encoding = self.one(ENCODINGS[self.language])
        self.date = self.one(DATES[self.language])
        self.null = self.one(["", "NULL", "NA", "-", "\\N"])
        self.shape = self.one(["C{:05d}", "{:d}", "{:08d}", "KD-{:04d}", "u{:d}x"])
        self.begin = datetime(2022, 3, 1)  # noqa: DTZ001 - local times are what exports hold

    def one(self, choices: list[str]) -> str:
        return choices[int(self.rng.integers(len(choices)))]

    def word(self, role: str) -> str:
        return self.one(NAMES[self.language][role])

    def number(self, value: float) -> str:
        return f"{value:.2f}".replace(".", self.decimal)

    def write(self, stem: str, rows: list[dict[str, str]]) -> str:
        columns = list(rows[0])
        self.rng.shuffle(columns)
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, delimiter=self.delimiter, lineterminator=self.one(["\n", "\r\n"]))
        writer.writeheader()
        writer.writerows(rows)
        data = out.getvalue().encode(self.encoding)
        is_packed = self.rng.random() < 0.2
        name = stem + (".csv.gz" if is_packed else ".csv")
        (self.folder / name).write_bytes(gzip.compress(data, mtime=0) if is_packed else data)
        return name

    def make(self) -> Export:
        """Write a table of customers and one of orders or of their lines."""
        names = {role: self.word(role) for role in NAMES[self.language] if role != "levels"}
        customer, levels = names["customer"], NAMES[self.language]["levels"]
        people, orders, last = [], [], self.begin
        for number in range(self.n_customers):
            key = self.shape.format(number * 7 + 13)
            start = int(self.rng.integers(self.days // 2))
            people.append(
                {
                    customer: key,
                    names["joined"]: (self.begin + timedelta(days=start)).strftime(self.date),
                    names["country"]: self.one(["Nord", "Sud", "Ost"]),
                    names["email"]: f"p{number}@example.com" if number % 9 else self.null,
                }
            )
            day, gap = start, float(self.rng.uniform(4, 40))
            while day < self.days and self.rng.random() > 0.04:
                moment = self.begin + timedelta(days=day, hours=int(self.rng.integers(8, 20)), minutes=17)
                orders += self.order(len(orders), customer, key, moment, names, levels)
                last = max(last, moment)
                day += 1 + int(self.rng.exponential(gap))
        self.rng.shuffle(orders)
        for row in orders:
            row.pop("_")
        files = self.write(names["customer_file"], people), self.write(names["orders_file"], orders)
        amount = [names["quantity"], names["price"]] if self.is_lines else names["amount"]
        style = {"date": self.date, "encoding": self.encoding, "delimiter": self.delimiter, "decimal": self.decimal}
        order = names["order"] if self.is_lines else None
        return Export(self.folder, self.language, customer, names["time"], amount, order, *files, last, style)

    def order(
        self, number: int, customer: str, key: str, moment: datetime, names: dict[str, str], levels: list[str]
    ) -> list[dict[str, str]]:
        shared = {
            "_": "",
            customer: key,
            names["time"]: moment.strftime(self.date),
            names["order"]: f"{number + 100_000}",
            names["channel"]: self.one([*levels, self.null]),
        }
        if not self.is_lines:
            return [shared | {names["amount"]: self.number(float(self.rng.lognormal(3, 1)))}]
        return [
            shared
            | {
                names["quantity"]: str(int(self.rng.integers(1, 9))),
                names["price"]: self.number(float(self.rng.lognormal(1, 1))),
            }
            for _ in range(int(self.rng.integers(1, 4)))
        ]
