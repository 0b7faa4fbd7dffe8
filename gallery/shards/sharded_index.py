"""The index of a gallery whose templates lie in shards: it asks all of them, and merges what they answer."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Position, SubjectPart, Written
from gallery.index.agreement import Agreement
from gallery.index.gallery_index import GalleryIndex
from gallery.index.index_state import IndexState, Lag, ShardState
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.pack_agreement import check_same_pack
from gallery.index.recall_gate import GateReport
from gallery.shards.shard import ShardSummary
from presente.errors import PresenteError, StoreError
from presente.recent_cache import RecentCache

log = logging.getLogger(__name__)

_MAX_SELECTIONS = 16
_SHARED_FROM = 10_000
"""A selection of more subjects than this is handed to the shards once, not with every search."""


class Shards(Protocol):
    """The shards of an index, each of which may be lost and come back."""

    @property
    def number(self) -> int:
        """How many there are."""

    def missing(self) -> list[int]:
        """Which of them are not there now."""

    def ask(self, method: str, of: Mapping[int, tuple[Any, ...]], patient: bool = True) -> dict[int, Any]:
        """Call a method of some shards at once, each with its arguments; what each returns.

        A call whose shard is lost is made again when it is back, so a method must stand being called twice. With
        ``patient`` a missing shard is waited for, for a time.

        Raises:
            StoreError: ``shards_missing``.
            PresenteError: what a shard raises.
        """

    def share(self, value: NDArray[np.int64]) -> Any:
        """What stands for an array in arguments, so that it is sent to a machine once."""

    def close(self, publish: bool) -> None:
        """Stop all of them; with ``publish`` each writes a generation first if anything changed."""


@dataclass(frozen=True, slots=True)
class ShardSelection:
    """Some subjects, by shard; only shards that have any of them."""

    of: Mapping[int, Any]


class ShardedIndex:
    """A :class:`gallery.index.gallery_index.GalleryIndex`, and its own reader. Safe to use from several threads.

    Subjects lie in shards by their id, so that all templates of one are in one shard: its score is complete there,
    and the best of all shards' best are the best of all.
    """

    def __init__(self, store: FollowedStore, shards: Shards, pack: str, dim: int, pack_name: str) -> None:
        """Ask shards that follow a store.

        Raises:
            PackError: ``pack_mismatch``.
            StoreError: ``shards_missing``.
        """
        self.store = store
        self.shards = shards
        self.pack, self.pack_name = (pack, dim), pack_name
        self._following = threading.Lock()
        self._selections: RecentCache[bytes, ShardSelection] = RecentCache(_MAX_SELECTIONS)
        self._watcher: _Watcher | None = None
        self._summaries: tuple[Position, dict[int, ShardSummary]] | None = None
        self._people: dict[int, int] = {}
        self._looked_at = time.monotonic()
        self.position = Position()
        self.follow()
        self._now()

    @contextmanager
    def reading(self) -> Iterator[ShardedIndex]:
        """The index itself: each of its answers is as of :attr:`position`, or later."""
        yield self

    def reachable(self) -> tuple[GalleryIndex, float]:
        missing = self.shards.missing()
        if not missing:
            return self, 1.0
        absent = sum(self._people[number] for number in missing)
        # People whom a missing shard has not seen yet are missing, too: less than all is never called all.
        share = 1.0 - max(absent, 1) / max(sum(self._people.values()), 1)
        return ReachableIndex(self, frozenset(range(self.shards.number)) - set(missing), absent), share

    def missing_shards(self) -> tuple[int, ...]:
        return tuple(self.shards.missing())

    # -- following --------------------------------------------------------------------------------------------------

    def check_pack(self) -> None:
        check_same_pack(self.store.pack(), self.pack, self.pack_name)

    def check_followed_pack(self) -> None:
        check_same_pack(self.store.followed_pack(), self.pack, self.pack_name)

    def catch_up(self) -> None:
        if self.store.changed_since(self.position):
            self.follow()
        else:
            self._looked_at = time.monotonic()

    def catch_up_after(self, written: Written | None) -> None:  # noqa: ARG002 - shards read what was written
        self.follow()

    def follow(self) -> int:
        """Let all shards apply the changes now; how many removals they have seen together."""
        with self._following:
            began = time.monotonic()
            # The position comes first: the shards then see everything up to it, and may see more.
            position = self.store.position()
            self.check_pack()
            followed = self.shards.ask("follow", dict.fromkeys(range(self.shards.number), ()))
            self._people = {number: people for number, (_, people) in followed.items()}
            self.position, self._looked_at = position, began
            return sum(seen for seen, _ in followed.values())

    def finish_erasing(self) -> None:
        try:
            self._ask_all("finish_erasing")
        except StoreError as error:
            if error.code != "shards_missing":
                raise
            raise StoreError(
                "erasure_incomplete",
                f"The documents contain nothing of what was removed any more, but not all shards could be told. "
                f"{error.what}",
                "A shard overwrites its files when it is back.",
            ) from error
        finally:
            self.store.finish_erasing()

    def watch(self, every_s: float, erased: Callable[[], None]) -> None:
        self._watcher = _Watcher(self, every_s, erased)

    # -- searching --------------------------------------------------------------------------------------------------

    def select(self, subjects: NDArray[np.int64]) -> ShardSelection:
        """Some subjects, int64 (n,), by shard. The last few selections of several are kept."""
        if len(subjects) <= 1:
            return self._selected(subjects)
        return self._selections.get(subjects.tobytes(), lambda: self._selected(subjects))

    def _selected(self, subjects: NDArray[np.int64]) -> ShardSelection:
        of = {}
        for number in range(self.shards.number):
            own = subjects[SubjectPart(number, self.shards.number).has(subjects)]
            if len(own):
                of[number] = self.shards.share(own) if len(own) > _SHARED_FROM else own
        return ShardSelection(of)

    def best_subjects(
        self, probes: NDArray[np.float32], k: int, only: ShardSelection | None = None
    ) -> list[list[tuple[int, float]]]:
        """See :meth:`gallery.index.searcher.Searcher.best_subjects`."""
        if only is None:
            asked: dict[int, tuple[Any, ...]] = dict.fromkeys(range(self.shards.number), (probes, k, None))
        else:
            asked = {number: (probes, k, own) for number, own in only.of.items()}
        return _best_of(list(self.shards.ask("best_subjects", asked).values()), len(probes), k)

    def best_template(self, probe: NDArray[np.float32], subject: int) -> int | None:
        """See :meth:`gallery.index.searcher.Searcher.best_template`."""
        found: int | None = self._ask_one("best_template", subject, probe, subject)
        return found

    def subject_vectors(self, subject: int) -> NDArray[np.float32]:
        """See :meth:`gallery.index.searcher.Searcher.subject_vectors`."""
        return np.asarray(self._ask_one("subject_vectors", subject, subject))

    def _ask_one(self, method: str, subject: int, *arguments: object) -> Any:
        number = subject % self.shards.number
        return self.shards.ask(method, {number: arguments})[number]

    def _ask_all(self, method: str, *arguments: object, patient: bool = True) -> list[Any]:
        asked = dict.fromkeys(range(self.shards.number), arguments)
        answers = self.shards.ask(method, asked, patient)
        return [answers[number] for number in sorted(answers)]

    # -- what it says of itself -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(each.state.templates for each in self._now())

    def subject_count(self) -> int:
        """How many subjects have a template."""
        return sum(self._people.values())

    @property
    def unpublished(self) -> int:
        """How many templates were added since the newest generations."""
        return sum(each.state.unpublished for each in self._now())

    @property
    def change(self) -> int:
        """The number of the last change that all shards have seen."""
        return self.position.change

    @property
    def spec(self) -> IndexSpec:
        """How the first shard's templates are indexed."""
        return self._now()[0].spec

    @property
    def gate_report(self) -> GateReport | None:
        """The report with the least recall."""
        reports = [each.gate_report for each in self._now() if each.gate_report is not None]
        return min(reports, key=lambda report: report.recall, default=None)

    @property
    def generation(self) -> int:
        """The newest number of any shard."""
        return max(each.state.generation for each in self._now())

    def _now(self) -> list[ShardSummary]:
        """What the shards say of themselves, at most as old as :attr:`position`."""
        position, known = self.position, self._summaries
        if known is None or known[0] is not position:  # each update makes a new one
            return self._summarised(patient=True)
        return list(known[1].values())

    def _summarised(self, patient: bool) -> list[ShardSummary]:
        position = self.position
        answers = self.shards.ask("summary", dict.fromkeys(range(self.shards.number), ()), patient)
        self._summaries = position, dict(sorted(answers.items()))
        return list(self._summaries[1].values())

    def shard_states(self) -> tuple[ShardState, ...]:
        """Each shard as it is now; one that is not there as it was last."""
        missing = self.shards.missing()
        if not missing:
            self._summarised(patient=False)
        known = {} if self._summaries is None else self._summaries[1]
        return tuple(
            ShardState(
                number,
                number not in missing,
                found.state.templates,
                found.state.subjects,
                found.state.generation,
                found.state.unpublished,
                found.state.unerased,
                max(0, self.position.change - found.state.change),
            )
            for number, found in known.items()
        )

    def state(self) -> IndexState:
        missing = self.shards.missing()
        if not missing:
            self._summarised(patient=False)
        states = [] if self._summaries is None else [each.state for each in self._summaries[1].values()]
        if not states:
            raise _missing_error(self.shards)
        first, recalls = states[0], [each.recall for each in states if each.recall is not None]
        ages = [each.generation_age_s for each in states if each.generation_age_s is not None]
        return replace(
            first,
            templates=sum(each.templates for each in states),
            subjects=sum(each.subjects for each in states),
            unpublished=sum(each.unpublished for each in states),
            unerased=sum(each.unerased for each in states),
            generation=max(each.generation for each in states),
            generation_age_s=max(ages, default=None),
            recall=min(recalls, default=None),
            change=self.change,
            looked_s=time.monotonic() - self._looked_at,
            shards=self.shards.number,
            shards_ready=self.shards.number - len(missing),
        )

    def behind(self) -> int:
        return max(0, self.store.last_change() - self.change)

    def lag(self) -> Lag:
        if self.shards.missing():
            raise _missing_error(self.shards)
        looked_at = self._looked_at
        changes = self.behind()
        return Lag(changes, max(0.0, time.monotonic() - looked_at) if changes else 0.0)

    # -- the whole --------------------------------------------------------------------------------------------------

    def snapshot(self) -> ShardedSnapshot:
        """All templates as they are now. The vectors stay where they are until they are taken."""
        return ShardedSnapshot(self.shards, self._ask_all("snapshot"), self.pack[1])

    def take_over_published(self) -> bool:
        return any(self._ask_all("take_over_published"))

    def publish(self) -> int:
        published: list[int] = self._ask_all("publish")
        return max(published)

    def rebuild(self) -> int:
        numbers: list[int] = self._ask_all("rebuild")
        return max(numbers)

    def verify(self) -> Agreement:
        found: list[Agreement] = self._ask_all("verify")
        return Agreement(
            sum(each.templates for each in found),
            tuple(sorted(one for each in found for one in each.missing_in_index)),
            tuple(sorted(one for each in found for one in each.missing_in_store)),
            tuple(sorted(one for each in found for one in each.different)),
        )

    def close(self, publish: bool = False) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        self.shards.close(publish)


class ReachableIndex(ShardedIndex):
    """The shards of an index that are there. Numbers of people are those of the whole, for the threshold."""

    def __init__(self, whole: ShardedIndex, there: frozenset[int], absent: int) -> None:
        """Search the shards ``there``; ``absent`` people were in the others when they were last asked."""
        self._absent = absent
        super().__init__(whole.store, _SomeShards(whole.shards, there), *whole.pack, whole.pack_name)

    def subject_count(self) -> int:
        """How many subjects have a template, in any shard."""
        return super().subject_count() + self._absent


class _SomeShards:
    """A :class:`Shards` that asks some of all, and waits for none."""

    def __init__(self, shards: Shards, there: frozenset[int]) -> None:
        self._shards = shards
        self._there = there
        self.number = shards.number

    def missing(self) -> list[int]:
        return sorted(set(range(self.number)) - self._there)

    def ask(self, method: str, of: Mapping[int, tuple[Any, ...]], patient: bool = True) -> dict[int, Any]:  # noqa: ARG002
        asked = {number: arguments for number, arguments in of.items() if number in self._there}
        if of and not asked:
            raise _missing_error(self)
        return self._shards.ask(method, asked, patient=False)

    def share(self, value: NDArray[np.int64]) -> Any:
        return self._shards.share(value)

    def close(self, publish: bool) -> None:
        """Nothing: they are another's."""


class ShardedSnapshot:
    """A :class:`gallery.index.template_snapshot.Snapshot` of all shards."""

    def __init__(self, shards: Shards, parts: Sequence[tuple[int, NDArray[np.int64], NDArray[np.int64]]], dim: int):
        self._shards = shards
        self._numbers = [number for number, _, _ in parts]
        ids = np.concatenate([ids for _, ids, _ in parts])
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.subjects = np.concatenate([subjects for _, _, subjects in parts])[order]
        sizes = [len(ids) for _, ids, _ in parts]
        self._shard_of = np.repeat(np.arange(len(parts)), sizes)[order]
        self._place = np.concatenate([np.arange(size) for size in sizes])[order]
        self.dim = dim

    def __len__(self) -> int:
        """How many templates there are."""
        return len(self.ids)

    def take(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """See :meth:`gallery.index.template_snapshot.Snapshot.take`."""
        shard_of, places = self._shard_of[which], self._place[which]
        taken = np.empty((len(places), self.dim), dtype=np.float32)
        asked = {int(shard): (self._numbers[shard], places[shard_of == shard]) for shard in np.unique(shard_of)}
        for shard, vectors in self._shards.ask("take", asked).items():
            taken[shard_of == shard] = vectors
        return taken


class _Watcher:
    """A thread that lets the shards follow, also while no search asks, and tells of removals."""

    def __init__(self, index: ShardedIndex, every_s: float, erased: Callable[[], None]) -> None:
        self._index, self._every_s, self._erased = index, every_s, erased
        self._stopping = threading.Event()
        self._logged = ""
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the update that is under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        seen = -1
        while not self._stopping.wait(self._every_s):
            try:
                now = self._index.follow()
                self._index.store.finish_erasing()
                if now != seen:  # also when a shard was opened anew, and may have missed a removal
                    self._erased()
                    seen = now
                self._logged = ""
            except Exception as error:
                if str(error) != self._logged:  # once, not at every update while it lasts
                    log.error("%s", error, exc_info=None if isinstance(error, PresenteError | OSError) else error)
                self._logged = str(error)


def _best_of(answers: Sequence[list[list[tuple[int, float]]]], probes: int, k: int) -> list[list[tuple[int, float]]]:
    """The k best of what several shards found for each probe, in the order that one index gives."""
    return [
        heapq.nsmallest(k, (pair for answer in answers for pair in answer[probe]), key=lambda pair: (-pair[1], pair[0]))
        for probe in range(probes)
    ]


def shards_missing(missing: Sequence[int], number: int) -> StoreError:
    """The error of a search for which not all shards are there."""
    return StoreError(
        "shards_missing",
        f"Of the {number} shards of the index, {len(missing)} are not there: {', '.join(map(str, missing))}.",
        "They are started again where there is room; try again in some seconds.",
    )


def _missing_error(shards: Shards) -> StoreError:
    return shards_missing(shards.missing(), shards.number)
