"""Reads photos behind http(s) links: fetched, kept in a cache, never from a private address unless allowed."""
