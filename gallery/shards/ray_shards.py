"""Shards as actors of a Ray cluster. The driver sees that one is lost, and starts it again where there is room.

Ray's own restarts and retries are not used: with them a call of an actor whose machine was killed hung.
"""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import presente.errors
from gallery.documents.values import SubjectPart
from gallery.shards.protocol import shards_missing
from gallery.shards.shard import Shard, ShardOpener
from presente.errors import ConfigError, PresenteError

log = logging.getLogger(__name__)

_THREADS = 16
"""How many calls of a shard run at once."""
_ANSWER_S = 60.0
"""A shard that does not answer for so long counts as lost; but for the methods that take long."""
_LONG = ("publish", "rebuild", "verify", "follow", "take_over_published", "close")
_POLL_S = 0.2
_AGAIN_S = 3.0
"""Seconds between two attempts to open a shard that could not be opened."""
_OPEN_S = 300.0
"""Seconds after which a start gives up if the cluster has no room."""
_CLOSE_S = 60.0


@dataclass(frozen=True, slots=True)
class ShardRefusal:
    """An error of :mod:`presente.errors` that a shard raised."""

    kind: str
    code: str
    what: str
    fix: str
    place: str = ""

    def error(self) -> PresenteError:
        """The error."""
        where = f" (on {self.place})" if self.place else ""
        made: PresenteError = getattr(presente.errors, self.kind)(
            self.code, self.what.rstrip(".") + where + ".", self.fix
        )
        return made


class ShardActor:
    """A process of the cluster with one shard."""

    def __init__(self, opener: ShardOpener, part: SubjectPart) -> None:
        self._opener, self._part = opener, part
        self._shard: Shard | None = None

    def placed(self) -> None:
        """Nothing; it is answered as soon as a machine has room for the process."""

    def open(self) -> ShardRefusal | str:
        """Open the shard; why that cannot be, or the address of its machine."""
        import ray

        try:
            self._shard = self._opener(self._part)
        except PresenteError as error:
            return ShardRefusal(type(error).__name__, error.code, error.what, error.fix, platform.node())
        return str(ray.util.get_node_ip_address())

    def call(self, method: str, *arguments: object) -> Any:
        """What a method of the shard returns, or the :class:`ShardRefusal` that it raises."""
        try:
            return getattr(self._shard, method)(*arguments)
        except PresenteError as error:
            return ShardRefusal(type(error).__name__, error.code, error.what, error.fix)


class RayShards:
    """A :class:`gallery.shards.protocol.Shards` of actors. Safe to use from several threads.

    Attributes:
        places: the address of the machine that each shard was last opened on.
    """

    def __init__(self, ray: Any, opener: ShardOpener, number: int, wait_s: float, leave: Callable[[Any], None]) -> None:
        """Start the shards and wait until all are open.

        Args:
            ray: the module, joined to a cluster.
            opener: opens a shard on the machine where its actor is.
            number: how many.
            wait_s: seconds that a patient call waits for a shard that is lost.
            leave: leaves the cluster, at the end.

        Raises:
            ConfigError: ``no_room``; or what a shard raises when it is opened.
        """
        self.number = number
        self.places: dict[int, str] = {}
        self._ray, self._wait_s, self._leave = ray, wait_s, leave
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "max_concurrency": _THREADS}
        self._class = ray.remote(**options, scheduling_strategy="SPREAD")(ShardActor)
        self._opener = ray.put(opener)
        self._changed = threading.Condition()
        self._ready: dict[int, Any] = {}
        self._opening: dict[int, tuple[Any, Any]] = {}
        self._placed: dict[int, Any] = {}
        self._refused: dict[int, ShardRefusal] = {}
        self._not_before: dict[int, float] = {}
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="shards", daemon=True)
        self._keeper.start()
        try:
            self._wait_for_all()
        except BaseException:
            self.close(publish=False)
            raise

    def missing(self) -> list[int]:
        with self._changed:
            return [each for each in range(self.number) if each not in self._ready]

    def share(self, value: NDArray[np.int64]) -> Any:
        return self._ray.put(value)

    def ask(self, method: str, of: Mapping[int, tuple[Any, ...]], patient: bool = True) -> dict[int, Any]:
        deadline = time.monotonic() + (self._wait_s if patient else 0.0)
        answers: dict[int, Any] = {}
        while len(answers) < len(of):
            actors = {each: self._actor(each, deadline) for each in of if each not in answers}
            calls = {each: actor.call.remote(method, *of[each]) for each, actor in actors.items()}
            for each, call in calls.items():
                self._collect(answers, each, actors[each], call, method)
        for answer in answers.values():
            if isinstance(answer, ShardRefusal):
                raise answer.error()
        return answers

    def _collect(self, answers: dict[int, Any], number: int, actor: Any, call: Any, method: str) -> None:
        """Put what a call returns among the answers, unless its shard is lost."""
        errors = self._ray.exceptions
        try:
            answers[number] = self._ray.get(call, timeout=None if method in _LONG else _ANSWER_S)
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except errors.RayError as error:  # the process or the machine ended, or it does not answer
            log.error("Shard %d is lost (%s); it is started again.", number, type(error).__name__)
            self._lose(number, actor)

    def _actor(self, number: int, deadline: float) -> Any:
        with self._changed:
            while number not in self._ready:
                left = deadline - time.monotonic()
                if left <= 0 or self._closing.is_set():
                    raise shards_missing(self)
                self._changed.wait(left)
            return self._ready[number]

    def _lose(self, number: int, actor: Any) -> None:
        with self._changed:
            if self._ready.get(number) is actor:
                del self._ready[number]
                self._end(actor)

    # -- the keeper's thread ----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Start what is missing, and note what has been opened, until closed."""
        while not self._closing.wait(_POLL_S):
            try:
                self._start_missing()
                self._note_opened()
            except Exception:
                log.exception("shards")

    def _start_missing(self) -> None:
        now = time.monotonic()
        for number in self.missing():
            if number not in self._opening and self._not_before.get(number, 0.0) <= now:
                actor = self._class.remote(self._opener, SubjectPart(number, self.number))
                self._placed[number] = actor.placed.remote()
                self._opening[number] = actor, actor.open.remote()

    def _note_opened(self) -> None:
        for number, (actor, call) in list(self._opening.items()):
            if not self._ray.wait([call], timeout=0)[0]:
                continue
            del self._opening[number]
            try:
                opened = self._ray.get(call)
            except self._ray.exceptions.RayTaskError as error:
                log.error("Shard %d could not be opened: %s", number, error)
                opened = ShardRefusal(
                    "StoreError", "shard_failed", f"Shard {number} could not be opened.", "See the log."
                )
            except self._ray.exceptions.RayError as error:
                log.error("Shard %d was lost while it was opened (%s).", number, type(error).__name__)
                self._not_before[number] = time.monotonic() + _AGAIN_S
                continue
            with self._changed:
                if isinstance(opened, ShardRefusal):
                    self._refused[number] = opened
                    self._not_before[number] = time.monotonic() + _AGAIN_S
                    self._end(actor)
                    log.error("Shard %d: %s", number, opened.error())
                else:
                    self._ready[number], self.places[number] = actor, opened
                    self._refused.pop(number, None)
                    log.info("Shard %d is on %s.", number, opened)
                self._changed.notify_all()

    def _wait_for_all(self) -> None:
        deadline = time.monotonic() + _OPEN_S
        with self._changed:
            while len(self._ready) < self.number:
                for refusal in self._refused.values():
                    raise refusal.error()
                if not self._opened_by(deadline):
                    raise ConfigError(
                        "no_room",
                        f"The cluster had no room for {self.number - len(self._ready)} of the {self.number} shards.",
                        "Add machines to it (`ray start --address HOST:PORT`), each shard takes one core; or ask for "
                        "fewer shards.",
                    )

    def _opened_by(self, deadline: float) -> bool:
        """Wait for a shard; False when there is nothing to wait for: no machine has room for one that is opening."""
        if self._changed.wait(1.0):
            return True
        if time.monotonic() < deadline:
            return True
        asked = [self._placed[number] for number in list(self._opening)]
        return not asked or not self._ray.wait(asked, num_returns=len(asked), timeout=0)[1]

    def _is_placed(self, number: int) -> bool:
        """Whether a machine had room for a shard that is opening; no other is asked anything, it would not answer."""
        return bool(self._ray.wait([self._placed[number]], timeout=0)[0])

    def _end(self, actor: Any) -> None:
        try:
            self._ray.kill(actor)
        except self._ray.exceptions.RayError as error:
            log.warning("%s", error)

    def close(self, publish: bool) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._keeper.join()
        with self._changed:
            actors, self._ready = list(self._ready.values()), {}
            self._changed.notify_all()
        opening = {number: actor for number, (actor, _) in self._opening.items()}
        actors += [actor for number, actor in opening.items() if self._is_placed(number)]
        if actors:
            calls = [actor.call.remote("close", publish) for actor in actors]
            self._ray.wait(calls, num_returns=len(calls), timeout=None if publish else _CLOSE_S)
        for actor in {*actors, *opening.values()}:
            self._end(actor)
        self._leave(self._ray)
