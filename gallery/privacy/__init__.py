"""What the law asks of a gallery of faces: consents that end, periods, receipts, and what is held about whom."""
