"""What a gallery holds, so that two of them can be compared: ids differ, nothing else may."""

from dataclasses import dataclass

import numpy as np

from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Student
from presente.composition import open_store


@dataclass
class Contents:
    students: dict[str, Student]
    photos: dict[tuple[str, str], str]
    """Where each photo came from, by matricula and SHA-256."""
    templates: dict[tuple[str, str], np.ndarray]


def contents(store: DocumentStore) -> Contents:
    names = {stored.id: stored.student for stored in store.students(kind=None, limit=10_000)}
    vectors = {
        int(id): vector for batch in store.templates() for id, vector in zip(batch.ids, batch.vectors, strict=True)
    }
    enrolled = [(names[each.subject].matricula, each) for each in store.enrolled()]
    found = Contents(
        {student.matricula: student for student in names.values()},
        {(matricula, each.sha256): each.source for matricula, each in enrolled},
        {(matricula, each.sha256): vectors[each.template] for matricula, each in enrolled},
    )
    assert len(found.photos) == len(enrolled) == store.counts().images == store.counts().templates
    return found


def assert_same_gallery(one: str, other: str) -> None:
    """Compare what lies at two stores' addresses. A face in another batch may differ in its last bits."""
    stores = [open_store(url) for url in (one, other)]
    try:
        left, right = map(contents, stores)
    finally:
        for store in stores:
            store.close()
    assert left.students == right.students, set(left.students.items()) ^ set(right.students.items())
    assert left.photos == right.photos, set(left.photos.items()) ^ set(right.photos.items())
    for key, vector in left.templates.items():
        assert np.allclose(vector, right.templates[key], atol=1e-5), key
