"""Commands about consents, periods and receipts."""
