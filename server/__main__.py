"""``python -m server``: the HTTP service."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from functools import partial

from presente import cli, composition, logs
from presente.errors import ConfigError
from presente.machine import give_memory_back
from presente.settings import Settings
from server.app import Access, create_app
from server.decoding.admission import open_admission
from server.decoding.decoder import open_decoder
from server.front.serving import HttpServer
from server.service import Service, ServiceHandle

_LARGEST_PHOTOS_A_REQUEST = 4
_BASE64_GROWTH = 1.4
_BODIES = 3
"""As many of the largest bodies fit into memory at once."""
_WATCH_S = 1.0
"""Between two looks at what other processes wrote, while nobody asks."""


def run_serve(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Bind, load, answer until a signal comes, publish, stop."""
    _check_address(settings)
    give_memory_back()
    max_body = int(settings.max_bytes * _LARGEST_PHOTOS_A_REQUEST * _BASE64_GROWTH)
    holder = ServiceHandle()
    app = create_app(holder, max_body, Access(settings.api_keys, settings.cors_origins))
    try:
        http = HttpServer(app, settings.host, settings.port, settings.server_threads, _BODIES * max_body)
    except OSError as exc:
        raise ConfigError(
            "address_unavailable",
            f"{settings.host}:{settings.port} cannot be bound ({exc.strerror}).",
            "Choose another PRESENTE_PORT, or stop what uses it.",
        ) from exc
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    http.start()
    with ExitStack() as cleanup:
        cleanup.callback(http.stop)
        pack = composition.open_pack(settings)
        gallery = composition.open_gallery(settings, pack)
        cleanup.callback(gallery.close, publish=True)
        if warning := gallery.operating_point().warning():  # and a rate without a calibration stops here
            logging.warning("%s", warning)
        decoder = open_decoder(open_admission(settings.memory_mb))
        cleanup.callback(decoder.close)
        cleanup.callback(holder.put, None)
        cleanup.callback(http.stop)  # first of all: finishes what is being answered
        export = composition.open_export(settings)
        export.forget_erased(gallery.store)  # whose erasure was cut off

        def forget_copies() -> None:
            """Of students whom any process has erased from the store."""
            export.forget_erased(gallery.store)
            composition.forget_cached(settings)

        gallery.index.watch(_WATCH_S, forget_copies)
        embedder = composition.open_embedder(settings, pack, decoder)
        forget = partial(composition.forget_copies, settings)
        holder.put(Service(embedder, gallery, export, forget, composition.open_clock(settings)))
        address = f"http://{settings.host}:{http.port}"
        output.result({"address": address, "pack": pack.name}, [f"Presente answers on {address} (pack {pack.name})"])
        sys.stdout.flush()
        stop.wait()
    return cli.DONE


def _check_address(settings: Settings) -> None:
    """Without keys the server may only be reached from this machine."""
    if settings.api_keys:
        return
    try:
        loopback = settings.host == "localhost" or ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            "unprotected_address",
            f"PRESENTE_HOST is {settings.host!r}, which others can reach, and there are no keys.",
            "Set PRESENTE_API_KEYS to ROLE:KEY, for example admin: and 32 random letters; or bind 127.0.0.1.",
        )


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.command("server", run_serve, "Serve a gallery over HTTP.", "server --port 8000 --pack sample")


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.INFO, "%(asctime)s %(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
