"""Which addresses a link of a sheet may lead to: public ones, unless private links are allowed."""

from __future__ import annotations

import ipaddress
import socket

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_ASSIGNMENTS_V4 = ipaddress.IPv4Network("192.0.0.0/24")


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, in the system's order. The caller must connect to one of them, not to the name.

    Raises:
        OSError: the name cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as exc:
        raise OSError(f"{host!r} is not a host name") from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address is of the open internet: not private, loopback, link-local, multicast or reserved.

    An IPv4 address inside an IPv6 one counts as itself; tunnels that may lead anywhere (6to4) are not public.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        return parsed.is_global and parsed in _GLOBAL_V6 and parsed not in _SIX_TO_FOUR
    return parsed.is_global and not parsed.is_multicast and parsed not in _ASSIGNMENTS_V4
