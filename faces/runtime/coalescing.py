"""Inputs of several threads in one inference: for a GPU, which takes many in little more time than one.

No thread waits for company. While an inference is under way, the inputs that arrive are collected; the next inference
takes all of them that have one size. So batches grow with the load, and a single input is not delayed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from faces.runtime.session import Session


class _Request:
    """One caller's input, and its outputs or its error once ``done`` is set."""

    def __init__(self, given: NDArray[Any]) -> None:
        self.given = given
        self.done = threading.Event()
        self.outputs: list[NDArray[Any]] = []
        self.error: Exception | None = None


class CoalescingSession:
    """A session that joins waiting inputs of one size. Its model has one input, whose first axis counts the items."""

    def __init__(self, session: Session, at_once: int, most: int) -> None:
        """Join the inputs of ``session``.

        Args:
            session: runs the model; see :func:`can_coalesce`.
            at_once: how many inferences run at once.
            most: items that one inference takes at most; an input that has more is run by itself.
        """
        self._session = session
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self._input = session.get_inputs()[0].name
        self._places = {port.name: place for place, port in enumerate(session.get_outputs())}
        self._turns = threading.Semaphore(at_once)
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """As :meth:`Session.run`."""
        request = _Request(feeds[self._input])
        with self._lock:
            self._waiting.append(request)
        with self._turns:
            taken = self._taken_with(request)
            if taken:
                self._serve(taken)
        request.done.wait()  # another thread may have taken it
        if request.error is not None:
            raise request.error
        return request.outputs if names is None else [request.outputs[self._places[name]] for name in names]

    def _taken_with(self, request: _Request) -> list[_Request]:
        """A request and those of its size that wait; none when another thread has taken it."""
        with self._lock:
            if request not in self._waiting:
                return []
            taken, items = [request], len(request.given)
            for other in self._waiting:
                fits = other.given.shape[1:] == request.given.shape[1:] and items + len(other.given) <= self._most
                if other is not request and fits:
                    taken.append(other)
                    items += len(other.given)
            self._waiting = [each for each in self._waiting if each not in taken]
            return taken

    def _serve(self, taken: Sequence[_Request]) -> None:
        try:
            self._run(taken)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the callers' threads
            if len(taken) == 1:
                taken[0].error = error
                taken[0].done.set()
                return
            for request in taken:  # one input, or too little memory for all, must not cost the others
                self._serve([request])

    def _run(self, taken: Sequence[_Request]) -> None:
        given = taken[0].given if len(taken) == 1 else np.concatenate([request.given for request in taken])
        outputs = self._session.run(None, {self._input: given})
        start = 0
        for request in taken:
            end = start + len(request.given)
            rows = [len(output) // len(given) for output in outputs]
            request.outputs = [output[start * n : end * n] for output, n in zip(outputs, rows, strict=True)]
            request.done.set()
            start = end


def can_coalesce(session: Session, tolerance: float) -> bool:
    """Whether a model gives for two inputs at once what it gives for each, one after the other along the first axis.

    Args:
        session: runs the model.
        tolerance: largest relative difference of an output.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or isinstance(inputs[0].shape[0], int):
        return False
    shape = [size if isinstance(size, int) else 128 for size in inputs[0].shape[1:]]
    both = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32)
    name = inputs[0].name
    try:
        joined = session.run(None, {name: both})
        alone = [session.run(None, {name: both[place : place + 1]}) for place in (0, 1)]
    except Exception:  # noqa: BLE001 - a runtime's own errors have no common public base
        return False
    return all(
        len(output) == len(first) + len(second)
        and float(np.linalg.norm(output - np.concatenate([first, second])))
        <= tolerance * max(float(np.linalg.norm(output)), 1e-12)
        for output, first, second in zip(joined, *alone, strict=True)
    )
