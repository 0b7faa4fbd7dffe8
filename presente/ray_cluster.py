"""Joining a Ray cluster, or starting one of this machine alone. Ray is an extra, and is imported only here."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from contextlib import redirect_stdout
from typing import Any

from presente.errors import ConfigError, InvalidInput
from presente.settings import ray_cluster_is_named

log = logging.getLogger(__name__)

_STORE_BYTES = 100_000_000
"""Memory for objects of a cluster of this machine alone: what passes through it is small."""
_ANSWER_S = 10.0


def join_cluster(address: str | None, cores: int, wish: str) -> Any:
    """Join the cluster at an address; without one, that of ``RAY_ADDRESS``, or else start one of this machine alone.

    Args:
        address: ``HOST:PORT`` of its head, ``auto``, or None.
        cores: how many actors a cluster of this machine alone has room for.
        wish: what asked for it, for errors.

    Returns:
        the module ``ray``, joined. ``ray.shutdown()`` leaves the cluster, and ends one of this machine alone.

    Raises:
        ConfigError: ``ray_missing``, ``cluster_unavailable``.
        InvalidInput: ``unsuitable_address``.
    """
    is_named = ray_cluster_is_named() or address is not None  # in this order: the question sets what Ray then reads
    ray = _import_ray(wish)
    if address is not None and "://" in address:
        raise InvalidInput(
            "unsuitable_address",
            f"The address of the Ray cluster is {address!r}, and {wish} has to run on a machine of the cluster.",
            "Run it there, with auto or HOST:PORT.",
        )
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if not is_named:
            alone = {"address": "local", "num_cpus": cores, "object_store_memory": _STORE_BYTES}
            ray.init(**alone, include_dashboard=False, **quiet)
        else:
            _check_answers(address)
            ray.init(address=address, **quiet)
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as exc:
        raise ConfigError(
            "cluster_unavailable",
            f"The Ray cluster at {address or 'RAY_ADDRESS'} cannot be joined ({exc}).",
            "Run the command on a machine of the cluster (`ray start`), and give HOST:PORT of its head; a "
            "cluster with a token wants RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH here, too.",
        ) from exc
    _keep_stdout_clean()
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():  # Ray puts its own before them, which prints a trace
            signal.signal(number, handler)
    return ray


def leave_cluster(ray: Any) -> None:
    """Leave a cluster that was joined."""
    with redirect_stdout(sys.stderr):  # Ray prints what its daemons say of lost workers
        ray.shutdown()


def _keep_stdout_clean() -> None:
    """Log what Ray's own thread would print to stdout when a machine is lost: a command's JSON is there."""
    import ray._private.worker as ray_worker

    def logged(data: dict[str, Any], **_: object) -> None:
        log.warning("Ray: %s", " ".join(str(line).partition("\n")[0] for line in data.get("lines", ())))

    ray_worker.print_to_stdstream = logged


def _check_answers(address: str | None) -> None:
    """Raise ``OSError`` when no one answers at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()


def _import_ray(wish: str) -> Any:
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "ray_missing",
            f"{wish} needs Ray, which is not installed.",
            "Install it: `make ray` in a clone, else `pip install 'presente[ray]'`.",
        ) from exc
    return ray
