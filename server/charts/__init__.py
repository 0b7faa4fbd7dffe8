"""Pictures of numbers: charts of the first system's page, as PNG. Each is drawn from values, and knows no request."""
