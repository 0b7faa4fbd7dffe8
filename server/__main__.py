"""``python -m server``: the HTTP service."""

from __future__ import annotations

import argparse
import errno
import ipaddress
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

from gallery.access_log.recorder import AccessLog
from gallery.signing import public_key
from presente import cli, composition, logs
from presente.errors import ConfigError
from presente.machine import give_memory_back
from presente.settings import Settings, traces_wanted
from server.access.authentication import Access
from server.access.login import LoginDesk
from server.access.register import AccessRegister
from server.access.sessions import SessionLimits
from server.app import create_app
from server.decoding.admission import open_admission
from server.decoding.decoder import open_decoder
from server.films.folder import FilmFolder
from server.films.jobs import FilmJobs
from server.front.serving import HttpServer
from server.front.tls_certificate import TlsCertificate
from server.imports.desk import ImportDesk
from server.imports.row_enrolment import enrol_row
from server.jobs.daily import DailyRetention
from server.jobs.runner import JobRunner
from server.limits import RequestLimits, open_limits
from server.operations.films import finish_job
from server.operations.session_photos import PhotoExpiry
from server.photo_enrolment import PhotoRoom
from server.service import Service, ServiceHandle
from server.telemetry.telemetry import Telemetry
from server.telemetry.tracing import Tracing, open_tracing
from server.unknown_faces import UnknownFaces
from server.webhook.sender import open_webhook

_BIND_FAILURES = {
    errno.EADDRINUSE: ("another program uses this port", "Stop it, or choose another PRESENTE_PORT."),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "Choose another PRESENTE_HOST."),
    errno.EACCES: ("this user may not use this port", "Choose a PRESENTE_PORT of 1024 or more."),
}
"""By the system's error: what is wrong with an address, and what to do."""

_LARGEST_PHOTOS_A_REQUEST = 4
_BASE64_GROWTH = 1.4
_BODIES = 4
"""How many of the largest bodies may be in memory at once; of one caller half as many."""
_WATCH_S = 1.0
"""Seconds between two looks at what other processes wrote, while no request comes."""


def run_serve(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Bind, load, answer until a signal comes, publish, stop."""
    _check_address(settings)
    certificate = _certificate(settings)
    give_memory_back()
    max_body = int(settings.max_bytes * _LARGEST_PHOTOS_A_REQUEST * _BASE64_GROWTH)
    service_handle = ServiceHandle(settings.most_behind_seconds)
    register = AccessRegister()
    telemetry = Telemetry(service_handle, _tracing(settings))
    limits, films = _limits(settings), FilmFolder(settings.films, settings.video_mb * 1_000_000)
    app = create_app(
        service_handle, max_body, access_of(settings), register, telemetry, limits, settings.first_page, films
    )
    try:
        http = HttpServer(app, settings.host, settings.port, settings.server_threads, _BODIES * max_body, certificate)
    except OSError as exc:
        raise address_unavailable(settings.host, settings.port, exc) from exc
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    http.start()
    with ExitStack() as cleanup:
        if telemetry.tracing is not None:
            cleanup.callback(telemetry.tracing.close)
        cleanup.callback(http.stop)
        pack = composition.open_pack(settings)
        gallery = composition.open_gallery(settings, pack, telemetry.observed)
        cleanup.callback(gallery.close, publish=True)
        public_key(gallery.store)  # made now if there is none, so that every backup from now on has it
        composition.forget_shards(settings)
        register.follow(gallery.store.access)
        cleanup.callback(register.stop)
        access_log = AccessLog(gallery.store.access_log, settings.access_log)
        cleanup.callback(access_log.close)
        if warning := gallery.operating_point().warning():  # and a rate without a calibration stops here
            logging.warning("%s", warning)
        liveness = composition.open_liveness(settings)
        liveness_policy = composition.liveness_policy(settings, liveness, gallery.store)
        if liveness is not None:
            liveness_policy.point()  # a rate without a calibration stops here, too
        telemetry.gauges.admission = admission = open_admission(settings.memory_mb)
        decoder = open_decoder(admission)
        cleanup.callback(decoder.close)
        keeps_unknown = settings.unknowns == "keep"
        unknown_faces = UnknownFaces(gallery, telemetry.kept_unknown) if keeps_unknown else None
        if unknown_faces is not None:
            cleanup.callback(unknown_faces.close)
        cleanup.callback(service_handle.put, None)
        cleanup.callback(http.stop)  # finishes what is being answered
        cleanup.callback(app.extensions["presente.events"].close)  # before that: who follows a session would wait
        export = composition.open_export(settings)
        imports = ImportDesk(settings.imports, cipher=gallery.store.seals.derived("imports"))

        def forget_copies() -> None:
            """Drop copies of students whom any process has erased from the store."""
            export.forget_erased(gallery.store)
            imports.forget_erased(gallery.store)
            composition.forget_cached_of_erased(settings, gallery.store)

        forget_copies()  # an erasure may have been cut off, or others may have erased while no server ran here
        gallery.index.watch(_WATCH_S, forget_copies)
        embedder = composition.open_embedder(settings, pack, decoder, liveness, keeps_unknown)
        forget = partial(composition.forget_copies, settings)
        clock = composition.open_clock(settings)
        keeps = settings.session_photos == "until_closed"
        cleanup.callback(PhotoExpiry(gallery.store, clock, keeps).stop)
        room = PhotoRoom(settings.student_photos_most, settings.student_photos_mb * 1_000_000)
        film_jobs = FilmJobs(films, gallery.store)
        jobs = JobRunner(gallery.store.jobs, settings, lambda *done: finish_job(service, *done), film_jobs)
        shown = settings.described()
        parts = (telemetry, access_log, keeps, room, imports, shown, jobs.wake, film_jobs.forget)
        hands = composition.sees_hands(settings)
        service = Service(
            embedder,
            gallery,
            export,
            forget,
            clock,
            *parts,
            sees_hands=hands,
            policy=composition.privacy_policy(settings),
            liveness=liveness_policy,
            unknown_faces=unknown_faces,
        )
        service_handle.put(service)
        webhook = open_webhook(
            gallery.store, settings.webhook, settings.webhook_secret, settings.cache / "webhook.json"
        )
        if webhook is not None:
            cleanup.callback(webhook.stop)
        imports.work(partial(enrol_row, service))
        cleanup.callback(imports.stop)  # a row that was begun is ended
        jobs.start()
        cleanup.callback(DailyRetention(gallery, settings.retention, clock, jobs.wake).stop)
        cleanup.callback(jobs.stop)  # runs first: the job that runs is interrupted
        if settings.accounts == "on":
            _offer_setup(app.extensions["presente.login_desk"], output)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{'http' if certificate is None else 'https'}://{host}:{http.port}"
        output.result({"address": address, "pack": pack.name}, [f"Presente answers on {address} (pack {pack.name})"])
        sys.stdout.flush()
        stop.wait()
    return cli.DONE


def access_of(settings: Settings) -> Access:
    """Who may use the server, by the settings."""
    limits = SessionLimits(timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours))
    return Access(
        keys=settings.api_keys,
        origins=settings.cors_origins,
        accounts=settings.accounts == "on",
        proxies=settings.trusted_proxies,
        student_photos=settings.student_photos,
        session_limits=limits,
    )


def _offer_setup(desk: LoginDesk, output: cli.Output) -> None:
    """While there is no admin, say on the terminal, and only there, with which code the first one is made."""
    if code := desk.open_setup():
        output.note_outside_log(
            f"No admin has an account yet. Open the page, and make the first one with this code: {code}"
        )


def _tracing(settings: Settings) -> Tracing | None:
    """Tracing, where it is asked for. Where only the environment of all programs asks for it and the extra is not
    installed, there is a warning."""
    if not traces_wanted(settings):
        return None
    try:
        return open_tracing()
    except ConfigError as error:
        if settings.traces == "otlp":
            raise
        logging.warning("%s", error)
        return None


def address_unavailable(host: str, port: int, error: OSError) -> ConfigError:
    """The error of an address that cannot be bound, in words."""
    other = f"it cannot be bound ({error.strerror or error})", "Choose another PRESENTE_HOST or PRESENTE_PORT."
    why, fix = _BIND_FAILURES.get(error.errno or 0, other)
    return ConfigError("address_unavailable", f"{host}:{port}: {why}.", fix)


def _limits(settings: Settings) -> RequestLimits:
    return open_limits(
        settings.request_limit,
        settings.request_limit_strangers,
        settings.limits_store,
        bool(settings.api_keys) or settings.accounts == "on",
    )


def _certificate(settings: Settings) -> TlsCertificate | None:
    """What TLS is spoken with; None where the settings name nothing."""
    if settings.tls_certificate is None and settings.tls_key is None:
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigError(
            "tls_unreadable",
            "Only one of PRESENTE_TLS_CERTIFICATE and PRESENTE_TLS_KEY is set.",
            "Name both files, or neither.",
        )
    return TlsCertificate(settings.tls_certificate, settings.tls_key)


def _check_address(settings: Settings) -> None:
    """Without keys and accounts the server may only be reached from this machine."""
    if settings.api_keys or settings.accounts == "on":
        return
    try:
        loopback = settings.host == "localhost" or ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            "unprotected_address",
            f"PRESENTE_HOST is {settings.host!r}, which others can reach, and there are no keys.",
            "Set PRESENTE_API_KEYS to ROLE:KEY, for example admin: and 32 random letters, or PRESENTE_ACCOUNTS=on; or "
            "bind 127.0.0.1.",
        )


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    return cli.command("server", run_serve, "Serve a gallery over HTTP.", "server --port 8000 --pack sample")


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.INFO, "%(asctime)s %(levelname)s %(message)s", private=True)
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
