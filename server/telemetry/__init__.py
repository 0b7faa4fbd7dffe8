"""What the server tells an operator of itself: metrics, and traces where they are wanted. See docs/observability.md."""
