"""The index of a gallery whose templates lie in shards: it asks all of them, and merges what they answer."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Position, SubjectPart, Written
from gallery.index.agreement import Agreement
from gallery.index.erasure import StoreWatcher
from gallery.index.gallery_index import GalleryIndex
from gallery.index.index_state import IndexState, Lag, ShardState
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.pack_agreement import check_same_pack
from gallery.index.recall_gate import GateReport
from gallery.shards.protocol import Shards, shards_missing
from gallery.shards.shard import ShardSummary
from gallery.shards.sharded_snapshot import ShardedSnapshot
from presente.errors import StoreError
from presente.recent_cache import RecentCache

_MAX_SELECTIONS = 16
_SHARED_FROM = 10_000
"""A selection of more subjects than this is handed to the shards once, not with every search."""


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
        self._watcher: StoreWatcher | None = None
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
        self._watcher = StoreWatcher(self._tend, -1, every_s, erased)

    def _tend(self) -> int:
        """Let the shards follow, and so learn which of them are lost; how many removals those that are there have seen.

        The sum is another one also when a shard was opened anew, which may have missed a removal.
        """
        seen = self.follow()
        self.store.finish_erasing()
        return seen

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

    def _last_known(self) -> tuple[dict[int, ShardSummary], list[int]]:
        """What the shards say now, or, while one is missing, what they said last; and which are missing."""
        try:
            self._summarised(patient=False)
        except StoreError as error:
            if error.code != "shards_missing" or self._summaries is None:
                raise
        return self._summaries[1] if self._summaries else {}, self.shards.missing()

    def shard_states(self) -> tuple[ShardState, ...]:
        """Each shard as it is now; one that is not there as it was last."""
        known, missing = self._last_known()
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
        known, missing = self._last_known()
        states = [each.state for each in known.values()]
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
            raise shards_missing(self.shards)
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
            raise shards_missing(self)
        return self._shards.ask(method, asked, patient=False)

    def share(self, value: NDArray[np.int64]) -> Any:
        return self._shards.share(value)

    def close(self, publish: bool) -> None:
        """Nothing: they are another's."""


def _best_of(answers: Sequence[list[list[tuple[int, float]]]], probes: int, k: int) -> list[list[tuple[int, float]]]:
    """The k best of what several shards found for each probe, in the order that one index gives."""
    return [
        heapq.nsmallest(k, (pair for answer in answers for pair in answer[probe]), key=lambda pair: (-pair[1], pair[0]))
        for probe in range(probes)
    ]
