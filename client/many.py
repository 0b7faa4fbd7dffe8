"""Many photos, a few at a time: answers in the order of the photos, and never more of either in memory than a few."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from .errors import PresenteError, concerns_every_photo, concerns_one_photo
from .photos import PhotoSource, refuse_one_photo
from .replies import Identification

_HELD = 2
"""Photos that are held per request on its way: while the first waits to be taken, the others are answered."""


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """The answer for one of many photos: ``identification``, or the ``error`` of this photo. The other is None.

    ``number`` counts from 0.
    """

    number: int
    identification: Identification | None
    error: PresenteError | OSError | None

    @property
    def photo_at_fault(self) -> bool:
        """Whether the photo was refused or cannot be read. Otherwise it may be asked again when there is an error."""
        return self.error is not None and concerns_one_photo(self.error)

    def result(self) -> Identification:
        """The identification.

        Raises:
            PresenteError: why this photo was not answered.
            OSError: why its file could not be read.
        """
        if self.error is not None:
            raise self.error
        assert self.identification is not None
        return self.identification


def identify_in_threads(
    photos: Iterable[PhotoSource], ask: Callable[[PhotoSource], Identification], at_once: int
) -> Iterator[PhotoAnswer]:
    """Ask of each photo, ``at_once`` of them at a time; see :meth:`Client.identify_many`.

    Raises:
        TypeError: ``photos`` is one photo.
        ValueError: ``at_once`` is below 1.
    """
    _check(photos, at_once)
    return _in_threads(photos, ask, at_once)


def _in_threads(
    photos: Iterable[PhotoSource], ask: Callable[[PhotoSource], Identification], at_once: int
) -> Iterator[PhotoAnswer]:
    waiting: deque[tuple[int, Future[Identification]]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="presente")
    try:
        for number, photo in enumerate(photos):
            waiting.append((number, pool.submit(ask, photo)))
            if len(waiting) >= at_once * _HELD:
                yield _answer(*waiting.popleft())
        while waiting:
            yield _answer(*waiting.popleft())
    finally:  # also where the caller stops early
        pool.shutdown(wait=True, cancel_futures=True)


def _answer(number: int, asked: Future[Identification] | asyncio.Task[Identification]) -> PhotoAnswer:
    try:
        return PhotoAnswer(number, asked.result(), None)
    except (PresenteError, OSError) as error:
        if concerns_every_photo(error):
            raise
        return PhotoAnswer(number, None, error)


def identify_in_tasks(
    photos: Iterable[PhotoSource] | AsyncIterable[PhotoSource],
    ask: Callable[[PhotoSource], Awaitable[Identification]],
    at_once: int,
) -> AsyncIterator[PhotoAnswer]:
    """The same in tasks of the running event loop."""
    _check(photos, at_once)
    return _in_tasks(photos, ask, at_once)


async def _in_tasks(
    photos: Iterable[PhotoSource] | AsyncIterable[PhotoSource],
    ask: Callable[[PhotoSource], Awaitable[Identification]],
    at_once: int,
) -> AsyncIterator[PhotoAnswer]:
    turns = asyncio.Semaphore(at_once)
    waiting: deque[tuple[int, asyncio.Task[Identification]]] = deque()

    async def in_turn(photo: PhotoSource) -> Identification:
        async with turns:
            return await ask(photo)

    number = 0
    try:
        async for photo in _each(photos):
            waiting.append((number, asyncio.create_task(in_turn(photo))))
            number += 1
            if len(waiting) >= at_once * _HELD:
                yield await _answer_of(waiting)
        while waiting:
            yield await _answer_of(waiting)
    finally:
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


async def _answer_of(waiting: deque[tuple[int, asyncio.Task[Identification]]]) -> PhotoAnswer:
    await asyncio.wait([waiting[0][1]])
    return _answer(*waiting.popleft())


async def _each(photos: Iterable[PhotoSource] | AsyncIterable[PhotoSource]) -> AsyncIterator[PhotoSource]:
    if isinstance(photos, AsyncIterable):
        async for photo in photos:
            yield photo
        return
    for photo in photos:
        yield photo


def _check(photos: object, at_once: int) -> None:
    refuse_one_photo(photos)
    if at_once < 1:
        raise ValueError(f"at_once is {at_once}: at least 1 request has to be on its way")
