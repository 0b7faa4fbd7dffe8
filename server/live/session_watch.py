"""What a camera shows of a class, recorded in its session: attendance, and raised hands as participations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from faces.film.frames import FilmFrame
from faces.film.live import LiveFace, LiveFaces
from faces.film.reading import FilmReader
from faces.image.decode import RGB
from faces.image.jpeg_copy import jpeg_copy
from faces.pose.followed_hands import FollowedHands
from gallery.attendance.face_attendance import FaceAttendance
from gallery.documents.class_sessions import StoredSession
from gallery.documents.request_keys import Claim
from gallery.threshold.operating_point import OperatingPoint
from presente.films import threshold_for_chances
from presente.recognition import digest_of
from server.operations.film_raises import Raise, record_raises, seconds_of_day, who_is_there
from server.operations.session_photos import LONGEST_SIDE, ReadSessionPhoto, record_read_photo
from server.service import Service

log = logging.getLogger(__name__)


@dataclass
class WatchCounts:
    """What was seen and recorded.

    Attributes:
        frames: frames that were looked at.
        decided: how often it was decided who a face is.
        recorded: students of whom an entry was added.
        raises: raised hands that count, also by another recording.
    """

    frames: int = 0
    decided: int = 0
    recorded: int = 0
    raises: int = 0


class SessionWatch:
    """Watches one session. Not safe to use from several threads."""

    def __init__(
        self, service: Service, stored: StoredSession, hands: FollowedHands | None, counts: WatchCounts | None = None
    ) -> None:
        """Watch a session; ``hands`` None: raised hands are not looked for. ``counts`` are counted on."""
        self.counts = counts or WatchCounts()
        self._service, self._stored, self._hands = service, stored, hands
        self._judges = service.liveness.mode("attendance") != "off"
        self._reader = FilmReader(service.embedder, self._judges)
        self._live = LiveFaces(self._reader.embed, service.embedder.pack.threshold, self._reader.judge)
        self._owners: dict[int, tuple[int, int, int]] = {}
        """By track the frame's number, the face's number in it, and the subject id."""
        self._chances = 1
        self._fitted: tuple[tuple[int, float], float] | None = None
        self._began: datetime | None = None
        self._raised: set[tuple[int, float]] = set()

    def see(self, frame: FilmFrame) -> None:
        """Look at a frame, and record what it shows.

        Raises:
            Conflict: ``session_closed``.
            NotFound: ``session_not_found``, ``class_not_found``.
        """
        self.counts.frames += 1
        if self._began is None:
            self._began = self._service.clock.now() - timedelta(seconds=frame.at_s)
        look = self._reader.look(frame)
        tracks, ripe = self._live.see(frame.at_s, look.pixels, look.faces)
        if ripe:
            self._record(ripe, look.pixels)
        if self._hands is not None:
            boxes = np.array([face.face.box for face in look.faces], dtype=np.float32).reshape(-1, 4)
            self._hands.see(frame.at_s, look.pixels, tracks, boxes)
            self._record_raises(self._hands)

    def _record(self, ripe: Sequence[LiveFace], pixels: RGB) -> None:
        service = self._service
        content = jpeg_copy(pixels, LONGEST_SIDE)
        copy = (content, pixels.shape[:2]) if service.keeps_session_photos else None
        faces = sorted(ripe, key=lambda each: -each.face.face.area)
        live_from = service.liveness.point() if self._judges else None
        photo = ReadSessionPhoto(digest_of(content), tuple(each.face for each in faces), 0, copy, live_from)
        point = service.gallery.whole.operating_point(None)
        point = replace(point, threshold=self._threshold(point))
        at = service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
        recorded = record_read_photo(service, self._stored, photo, point, Claim("", "", at), frame=True)
        service.tell_liveness("attendance", photo.faces, live_from)
        for face, (each, (_, made)) in enumerate(zip(faces, recorded.faces, strict=True), start=1):
            self.counts.decided += 1
            self.counts.recorded += made.recorded
            self._note(each.track, (recorded.number or 0, face), made)

    def _threshold(self, point: OperatingPoint) -> float:
        """The threshold for the chances that strangers have had so far; reckoned anew when these have doubled."""
        doubled = 1 << (self._chances - 1).bit_length()
        if self._fitted is None or self._fitted[0] != (doubled, point.threshold):
            raised = threshold_for_chances(self._service.gallery.whole, point, doubled)
            self._fitted = (doubled, point.threshold), raised
        return self._fitted[1]

    def _note(self, track: int, place: tuple[int, int], made: FaceAttendance) -> None:
        """Settle a track whose face it is known to be; every other decision is one more chance of a stranger.

        One that waits is looked at further: it may be found to be live. Its hands are no one's: a picture has none."""
        if made.status in ("present", "duplicate", "off_roster"):
            self._live.settle(track)
            self._owners[track] = (*place, made.candidates[0].subject)
        elif made.status != "waiting":
            self._chances += 1

    def _record_raises(self, hands: FollowedHands) -> None:
        """Record the raises of those who are known, and there; others wait for that."""
        assert self._began is not None
        known = [(track, from_s) for track, from_s, _ in hands.raises() if track in self._owners]
        waiting = [each for each in known if each not in self._raised]
        there = who_is_there(self._service, self._stored) if waiting else set()
        # Seconds of the day: another recording of this session counts them alike.
        begins = seconds_of_day(self._service, self._stored, self._began)
        for track, from_s in waiting:
            if self._owners[track][2] in there:
                self._raised.add((track, from_s))
                raised = Raise(*self._owners[track], begins + from_s)
                self.counts.raises += record_raises(self._service, self._stored, [raised])
