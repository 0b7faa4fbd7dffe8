"""What a server's ``/metrics`` says, as values by name and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Scraped:
    """The samples of one scrape."""

    samples: dict[tuple[str, Labels], float]

    @classmethod
    def read(cls, text: str) -> Scraped:
        found: dict[tuple[str, Labels], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in found, f"{key} is there twice"
                found[key] = sample.value
        return cls(found)

    def all(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Labels and values of the samples of a name that have these labels."""
        for (found, of), value in self.samples.items():
            if found == name and labels.items() <= dict(of).items():
                yield dict(of), value

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.all(name, **labels))

    def one(self, name: str, **labels: str) -> float:
        ((_, value),) = self.all(name, **labels)
        return value

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Sums by a label's value."""
        found: dict[str, float] = {}
        for of, value in self.all(name, **labels):
            found[of[label]] = found.get(of[label], 0) + value
        return found

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}
