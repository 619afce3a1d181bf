"""Files that a CRM or an advertising platform takes: written by its rules, read back by them, and receipts."""
