"""Churn and customer-lifetime-value models from raw customer histories to retention lists."""

__version__ = "0.1.0"

from churnml.memory import respect_address_limit

respect_address_limit()
