"""A typed client of Presente's HTTP API.

::

    >>> from presente_client import Client
    >>> with Client("http://127.0.0.1:8000") as presente:
    ...     for face in presente.identify("photo.jpg").faces:
    ...         print(face.nombre, face.score)
"""

from msgspec import UNSET

from .async_client import AsyncClient
from .client import Client
from .errors import (
    Conflict,
    InvalidRequest,
    NoAnswer,
    NotAllowed,
    NotFound,
    PhotoRefused,
    PresenteError,
    Problem,
    Unavailable,
    UnexpectedAnswer,
)
from .many import PhotoAnswer
from .photos import PhotoSource
from .replies import (
    AttendanceEntry,
    AttendanceLine,
    Calibration,
    Candidate,
    ClassPhoto,
    ClassPhotoFace,
    Consent,
    Enrolment,
    EnrolmentWarning,
    EntryState,
    Face,
    GateReport,
    Identification,
    IdentifiedFace,
    MeasuredIndex,
    Participation,
    Quality,
    Readiness,
    SearchResults,
    Status,
    Student,
    Verification,
)
from .retries import Retries
from .unknown_replies import (
    AlikePerson,
    FaceQuality,
    Forgotten,
    NamedPerson,
    ResembledStudent,
    UnknownFace,
    UnknownPerson,
    UnknownPersonPage,
)

__version__ = "0.1.0"

__all__ = [
    "UNSET",
    "AlikePerson",
    "AsyncClient",
    "AttendanceEntry",
    "AttendanceLine",
    "Calibration",
    "Candidate",
    "ClassPhoto",
    "ClassPhotoFace",
    "Client",
    "Conflict",
    "Consent",
    "Enrolment",
    "EnrolmentWarning",
    "EntryState",
    "Face",
    "FaceQuality",
    "Forgotten",
    "GateReport",
    "Identification",
    "IdentifiedFace",
    "InvalidRequest",
    "MeasuredIndex",
    "NamedPerson",
    "NoAnswer",
    "NotAllowed",
    "NotFound",
    "Participation",
    "PhotoAnswer",
    "PhotoRefused",
    "PhotoSource",
    "PresenteError",
    "Problem",
    "Quality",
    "Readiness",
    "ResembledStudent",
    "Retries",
    "SearchResults",
    "Status",
    "Student",
    "Unavailable",
    "UnexpectedAnswer",
    "UnknownFace",
    "UnknownPerson",
    "UnknownPersonPage",
    "Verification",
]
