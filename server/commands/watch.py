"""``presente watch``: attendance and participations of a class by a camera of its room."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

from faces.film.frames import FilmLimits
from faces.pose.followed_hands import FollowedHands
from gallery.documents.class_sessions import SessionFilter, StoredSession
from presente import cli, composition, logs
from presente.cli_parser import Parser
from presente.errors import Conflict, InvalidInput, NotFound
from presente.settings import Settings
from server.live.camera import CameraSource, LiveCamera, find_camera
from server.live.session_watch import SessionWatch, WatchCounts
from server.observer import NO_OBSERVER
from server.operations.known_classes import check_class
from server.service import Service
from server.unknown_faces import UnknownFaces

log = logging.getLogger(__name__)

_LOOK_S = 5.0
"""Seconds between two looks for an open session."""
_SHORTEST_S, _LONGEST_S = 0.1, 60.0
"""Seconds between two looks at a camera."""
OpenHands = Callable[[], FollowedHands | None]
_OVER = frozenset({"session_closed", "session_not_found"})


class Watch:
    """Watches sessions by one camera, until it is stopped. The camera is connected only while a session is open."""

    def __init__(self, service: Service, source: CameraSource, open_hands: OpenHands, every_s: float) -> None:
        """Watch with a camera.

        Args:
            service: whose gallery it is.
            source: the camera.
            open_hands: opens what looks for raised hands, anew for each session; None where they are not looked for.
            every_s: seconds between two looks.
        """
        self.counts = WatchCounts()
        self._service, self._source, self._open_hands = service, source, open_hands
        self._limits = FilmLimits(every_s=every_s)
        self._camera: LiveCamera | None = None
        self._stop = threading.Event()

    def stop(self) -> None:
        """End; also from a signal's handler."""
        self._stop.set()
        if self._camera is not None:
            self._camera.stop()

    def session(self, number: int) -> None:
        """Watch one session until it is closed.

        Raises:
            NotFound: ``session_not_found``.
            Conflict: ``session_closed``.
            FilmRefused: of a file.
        """
        self._watch(self._service.session_log.open_session(number))

    def sessions_of(self, clase: str) -> None:
        """Watch the sessions of a class, each while it is open; of a file, one.

        Raises:
            NotFound: ``class_not_found``.
            FilmRefused: of a file.
        """
        check_class(self._service.gallery, clase)
        said = False
        while not self._stop.is_set():
            stored = self._open_today(clase)
            if stored is None:
                if not said:
                    log.info("Camera %s: no session of %s is open; one is waited for.", self._source.shown, clase)
                said = True
                self._stop.wait(_LOOK_S)
                continue
            said = False
            self._watch(stored)
            if self._source.is_file:
                return

    def _open_today(self, clase: str) -> StoredSession | None:
        today = self._service.clock.today()
        only = SessionFilter(clase=clase, desde=today, hasta=today, state="open")
        found = self._service.gallery.store.sessions.sessions_after(only, None, 1)
        return found[0] if found else None

    def _watch(self, stored: StoredSession) -> None:
        log.info("Camera %s: session %d of %s.", self._source.shown, stored.id, stored.session.clase)
        watch = SessionWatch(self._service, stored, self._open_hands(), self.counts)
        self._camera = LiveCamera(self._source, self._limits)
        closed = threading.Thread(target=self._until_closed, args=(stored.id, self._camera), daemon=True)
        closed.start()
        try:
            for frame in self._camera.frames():
                watch.see(frame)
        except (Conflict, NotFound) as error:
            if error.code not in _OVER:
                raise
            log.info("Camera %s: %s", self._source.shown, error.what)
        finally:
            self._camera.stop()
            closed.join()

    def _until_closed(self, number: int, camera: LiveCamera) -> None:
        """Let a camera end when the session is closed, also when no one is before it."""
        while not camera.stopped.wait(_LOOK_S):
            stored = self._service.gallery.store.sessions.session(number)
            if stored is None or stored.session.state != "open":
                camera.stop()


def run_watch(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Watch until the session is closed, the file ends, or the program is told to stop."""
    source = find_camera(arguments.camera, dict(settings.cameras))
    if (arguments.session is None) == (arguments.clase is None):
        raise InvalidInput("missing_session", "It is not said what is watched.", "Give --session ID or --clase CLASE.")
    if not _SHORTEST_S <= arguments.every <= _LONGEST_S:
        raise InvalidInput(
            "invalid_every", f"--every is {arguments.every:g}.", f"Give {_SHORTEST_S:g} to {_LONGEST_S:g} seconds."
        )
    with ExitStack() as cleanup:
        pack = composition.open_pack(settings)
        liveness = composition.open_liveness(settings)
        keeps_unknown = settings.unknowns == "keep"
        embedder = composition.open_embedder(settings, pack, None, liveness, keeps_unknown)
        gallery = composition.open_gallery(settings, pack)
        cleanup.callback(gallery.close)
        policy = composition.liveness_policy(settings, liveness, gallery.store)
        if liveness is not None:
            policy.point()  # a rate without a calibration stops here
        unknown_faces = UnknownFaces(gallery, NO_OBSERVER.kept_unknown) if keeps_unknown else None
        if unknown_faces is not None:
            cleanup.callback(unknown_faces.close)
        keeps = settings.session_photos == "until_closed"
        service = Service(
            embedder,
            gallery,
            composition.open_export(settings),
            partial(composition.forget_copies, settings),
            composition.open_clock(settings),
            keeps_session_photos=keeps,
            liveness=policy,
            unknown_faces=unknown_faces,
        )
        pose = composition.open_pose(settings)
        rule = composition.raise_rule(settings)
        watch = Watch(service, source, lambda: None if pose is None else FollowedHands(pose, rule), arguments.every)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: watch.stop())
        if arguments.session is not None:
            watch.session(arguments.session)
        else:
            watch.sessions_of(arguments.clase)
    output.result(asdict(watch.counts), [_described(watch.counts)])
    return cli.DONE


def _described(counts: WatchCounts) -> str:
    return (
        f"{counts.frames} frames looked at, {counts.recorded} entries of students added, {counts.raises} raised hands."
    )


def build_parser() -> Parser:
    """The command line."""
    made = cli.command(
        "watch",
        run_watch,
        "Record attendance and raised hands of a class by a camera, while its session is open.",
        "watch A-12 --clase IA-101",
    )
    made.add_argument("camera", help="a name of PRESENTE_CAMERAS, a device or its number, an address, or a film")
    made.add_argument("--session", type=int, metavar="ID", help="the session; ends when it is closed")
    made.add_argument("--clase", help="the class, whose sessions are watched whenever one is open")
    made.add_argument(
        "--every", type=float, default=1.0, metavar="SECONDS", help="between two looks, 0.1 to 60 (default: 1)"
    )
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.INFO, "%(asctime)s %(levelname)s %(message)s", private=True)
    return cli.main(build_parser(), argv)
