"""The server's decoder: cost from the header, a turn in a lane, a process with a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from faces.image.decode import DecodedPhoto, ImageLimits, expected_cost
from server.decoding.admission import Admission
from server.decoding.processes import DecodingProcesses
from server.decoding.share import current_share

_COSTLY_NICE = 10


class AdmittedDecoder:
    """A :class:`faces.image.decoder.Decoder` that decodes in other processes, when there is memory for a photo."""

    def __init__(self, admission: Admission, cheap: DecodingProcesses, costly: DecodingProcesses) -> None:
        self.admission = admission
        self._workers = {admission.cheap: cheap, admission.costly: costly}

    @contextmanager
    def opened(self, data: bytes, limits: ImageLimits, enough: int | None) -> Iterator[DecodedPhoto]:
        """See :meth:`faces.image.decoder.Decoder.opened`.

        Raises:
            PhotoRefused: ``too_much_memory``, ``too_costly``, ``crashed``, and as :func:`faces.image.decode.decode`.
            Busy: ``busy``: its turn did not come.
        """
        cost = expected_cost(data, limits, enough)
        lane = self.admission.lane_of(cost)
        with lane.turn(cost, current_share()) as decoded:
            photo = self._workers[lane].decode(data, limits, enough, cost)
            decoded()
            yield photo

    @property
    def processes(self) -> list[int]:
        """Ids of the processes that decode."""
        return [process for workers in self._workers.values() for process in workers.processes]

    def close(self) -> None:
        """End the processes."""
        for workers in self._workers.values():
            workers.close()


def open_decoder(admission: Admission) -> AdmittedDecoder:
    """A decoder of an admission; the processes for cheap photos are started at once, those for others when needed."""
    cheap = DecodingProcesses(admission.cheap_bytes)
    cheap.start(admission.cheap.at_once)
    return AdmittedDecoder(admission, cheap, DecodingProcesses(admission.costly.memory, _COSTLY_NICE))
