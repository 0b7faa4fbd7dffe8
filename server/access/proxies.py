"""What a proxy in front says of a request: its client's address, and whether it came over TLS.

Only a proxy whose address the setting ``PRESENTE_TRUSTED_PROXIES`` names is believed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from flask import Request

from server.front.connections import address_of


def client_address(request: Request, trusted: Collection[str]) -> str:
    """The address that a request counts for; of one that a trusted proxy sent, the one that called the proxy."""
    address = request.remote_addr or "-"
    for forwarded in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if not _is_trusted(address, trusted) or not _is_address(forwarded.strip()):
            break
        address = forwarded.strip()
    return address_of(address)


def came_over_tls(request: Request, trusted: Collection[str]) -> bool:
    """Whether the client speaks TLS with this server, or with a trusted proxy that says so."""
    if request.scheme == "https":
        return True
    return _is_trusted(request.remote_addr or "-", trusted) and request.headers.get("X-Forwarded-Proto") == "https"


def _is_trusted(address: str, trusted: Collection[str]) -> bool:
    if not _is_address(address):
        return False
    given = ipaddress.ip_address(address)
    mapped = given.ipv4_mapped if isinstance(given, ipaddress.IPv6Address) else None
    return any((mapped or given) in ipaddress.ip_network(network) for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
