"""Requests: bytes and parameters to typed values. What is not understood is refused."""
