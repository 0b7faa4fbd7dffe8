"""The settings of every program, each declared once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from presente.api_keys import ApiKey, described_keys, read_keys
from presente.installation import SAMPLE
from presente.key_source import KeySource, described_source, key_source
from presente.secrets import hidden_address
from presente.settings.declaration import Setting, declared_settings, setting
from presente.settings.liveness import LivenessModes, TargetBpcer, liveness_modes, score_or_bpcer
from presente.settings.retention import Retention, shown_retention
from presente.settings.retention import retention as read_retention
from presente.settings.values import (
    RequestRate,
    TargetRate,
    camera_names,
    choice,
    cosine_or_rate,
    hook_secret,
    named_cameras,
    networks,
    number,
    only_host,
    path,
    path_or_none,
    paths,
    request_rate,
    shown_paths,
    truth,
    web_hook,
    web_origins,
    whole_number,
    zone_name,
)

IndexKind = Literal["auto", "flat", "pq", "rabitq", "hnsw", "ivf"]
IndexSealed = Literal["auto", "on", "off"]
Consent = Literal["optional", "required"]
Duplicates = Literal["refuse", "warn", "allow"]
RuntimeName = Literal["auto", "onnxruntime", "openvino", "cuda"]
Precision = Literal["f32", "bf16", "int8"]
OffOrOn = Literal["off", "on"]
LogFormat = Literal["text", "json"]
Traces = Literal["auto", "off", "otlp"]
SessionPhotos = Literal["until_closed", "never"]
AccessLogLevel = Literal["off", "changes", "all"]
Unknowns = Literal["off", "keep"]


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Every setting's value, and in ``came_from`` where each came from: a flag, a variable, a file or the default.

    ``texts`` has the text of each that is not the default and not secret, for a process that is to have the same.

    It has no ``repr`` of its values: one may hold a password.
    """

    store: str = setting(
        "sqlite:///var/gallery.db",
        str,
        "where students, photos and templates live: sqlite:///PATH or mongodb://HOST:PORT/DATABASE",
        details="See [MongoDB](mongodb.md).",
        show=hidden_address,
    )
    index: Path = setting("var/index", path, "where published index generations live")
    master_key: KeySource | None = setting(
        "",
        key_source,
        "key that photos, templates and keys are sealed with: file:PATH, command:WORDS, or 32 bytes in base64",
        default_means="none: nothing is sealed",
        details="Never shown. See [encryption](encryption.md).",
        show=described_source,
        secret=True,
    )
    seal_names: bool = setting(
        "false",
        truth,
        "seal students' names, too, when there is a master key",
        details="See [encryption](encryption.md#names).",
    )
    index_kind: IndexKind = setting(
        "auto",
        choice(IndexKind),
        "kind of index: auto (by size), flat, pq, rabitq, hnsw or ivf",
        details="See [search](search.md).",
    )
    index_sealed: IndexSealed = setting(
        "auto",
        choice(IndexSealed),
        "seal the index on disk: auto (with a master key, on Linux), on (or refuse to start), off",
        details="See [encryption](encryption.md#the-index).",
    )
    shards: int = setting(
        "0",
        whole_number(0, 1000),
        "in how many shards the index lies, on the machines of a Ray cluster; 0: in this process",
        details="See [shards](shards.md).",
    )
    shards_address: str = setting(
        "",
        str,
        "HOST:PORT of the head of the Ray cluster for shards; empty: that of RAY_ADDRESS, else this machine alone",
    )
    shards_wait: float = setting(
        "10",
        number(0.0, 600.0),
        "seconds that a search waits for a shard that is not there, before it is refused with shards_missing",
    )
    recall_floor: float = setting(
        "0.999",
        number(0.0, 1.0),
        "share of the 10 nearest people whom an index must find to be published; else a more careful one is",
    )
    pack: str = setting("sample", str, "model pack: a name, or a folder")
    models: tuple[Path, ...] = setting(
        "",
        paths,
        f"extra places to look for packs, separated by {os.pathsep!r}",
        details="See [packs](#packs).",
        show=shown_paths,
    )
    pose: str = setting(
        "",
        str,
        "pose pack that raised hands are seen with: a name, a folder, or off",
        default_means="sample_pose with the pack sample, else off",
        details="See [raised hands](pose.md).",
    )
    raise_seconds: float = setting(
        "1",
        number(0.0, 60.0),
        "seconds that a hand must be up to count as raised",
        details="See [the rule](pose.md#the-rule).",
    )
    liveness: LivenessModes = setting(
        "off",
        liveness_modes,
        "whether a live person is before the camera: off, observe (told) or enforce (only a live face passes); or for "
        "each of identify, verify and attendance, like attendance=enforce identify=observe",
        details="See [liveness](liveness.md).",
    )
    liveness_pack: str = setting(
        "",
        str,
        "liveness pack: a name, or a folder",
        default_means="sample_liveness with the pack sample, else none",
        details="See [liveness packs](liveness.md#packs).",
    )
    liveness_threshold: float | TargetBpcer | None = setting(
        "",
        score_or_bpcer,
        "score from which a face counts as live, or bpcer=RATE: the share of live faces that may be taken for attacks",
        default_means="what calibration stored, else the pack's own",
        details="See [liveness](liveness.md#settings).",
    )
    unknowns: Unknowns = setting(
        "off",
        choice(Unknowns),
        "whether faces of unknown people are kept, in groups of one person each: off or keep",
        details="See [unknown people](unknowns.md).",
    )
    unknowns_days: int = setting(
        "30",
        whole_number(1, 3650),
        "days after it was last seen that a face of an unknown person is kept",
        details="See [unknown people](unknowns.md).",
    )
    threshold: float | TargetRate | None = setting(
        "",
        cosine_or_rate,
        "score from which a face is known, or fpir=RATE: the share of strangers who may be named",
        default_means="what calibration stored, else the pack's own",
        details="`fpir=0.001` is one stranger in a thousand ([calibration](adr/0014-calibration.md)).",
    )
    margin: float = setting(
        "0.02", number(0.0, 2.0), "two people above the threshold and closer to each other than this are ambiguous"
    )
    strict: bool = setting("false", truth, "refuse enrolment photos that show several faces")
    consent: Consent = setting(
        "optional",
        choice(Consent),
        "optional, or required: a student without consentimiento on record is not enrolled",
    )
    consent_text: str = setting(
        "",
        str,
        "the text that the school asks people to agree to; the console's forms begin with it",
        default_means="a sentence of the console's",
    )
    timezone: str = setting(
        "",
        zone_name,
        "the school's time zone, an IANA name like America/Mexico_City; every date that is made here is of it",
        default_means="the machine's",
        details="See [dates](http.md#dates). The zone of a container is UTC: set the school's there.",
    )
    duplicates: Duplicates = setting(
        "warn",
        choice(Duplicates),
        "what becomes of a new student who clearly is enrolled already: refuse, warn (and set aviso), or allow",
        details="A warning is in the reply or the report, too ([why](adr/0016-enrolment.md)).",
    )
    detect_side: int = setting("640", whole_number(64, 4096), "longest side of a photo as the detector sees it, pixels")
    max_megapixels: float = setting("40", number(0.01, 1000.0), "larger photos are refused")
    max_bytes: int = setting("16000000", whole_number(1000, 16_000_000), "larger image files are refused")
    export: Path = setting("var/export", path, "where POST /save_all_images writes the stored photos")
    imports: Path = setting(
        "var/imports", path, "where uploaded sheets and their photos wait to be imported, a day at most"
    )
    films: Path = setting(
        "var/films",
        path,
        "where films of classes wait until they were read; they are deleted then",
        details="See [films](films.md).",
    )
    video_mb: int = setting(
        "700",
        whole_number(1, 100_000),
        "megabytes of a film of a class; 50 minutes are about 600",
    )
    cache: Path = setting(
        "var/cache", path, "where evaluation keeps templates, and the indexer the photos that it downloaded"
    )
    sheet_root: Path | None = setting(
        "",
        path_or_none,
        "folder in which the photos that a sheet names may lie, beside the sheet's own folder",
        default_means="only the sheet's own folder",
        details="[Why](#sources-of-indexer-add).",
    )
    private_links: bool = setting("false", truth, "allow links of sheets that lead to private addresses")
    runtime: RuntimeName = setting(
        "auto",
        choice(RuntimeName),
        "what runs the models: onnxruntime, openvino, cuda (an NVIDIA GPU), or auto (OpenVINO where it is installed)",
        details="See [bulk](bulk.md).",
    )
    precision: Precision = setting(
        "f32",
        choice(Precision),
        "of the models' arithmetic: f32, or bf16 or int8 once `faces check NAME --precision int8` has passed",
        details="See [small numbers](precision.md).",
    )
    gpu_memory_mb: int = setting(
        "0",
        whole_number(0, 1_000_000),
        "most memory of the GPU that each of the two models takes, in MB of 2^20 bytes",
        default_means="no limit",
    )
    workers: int = setting(
        "0", whole_number(0, 256), "photos that the indexer works on at once", default_means="one per core"
    )
    host: str = setting(
        "127.0.0.1",
        str,
        "address that the server binds",
        details="Only loopback without `PRESENTE_API_KEYS` and `PRESENTE_ACCOUNTS`.",
    )
    port: int = setting("8000", whole_number(0, 65535), "port that the server binds; 0: any free one")
    tls_certificate: Path | None = setting(
        "",
        path_or_none,
        "PEM file with the certificate, and those that lead to its root, for HTTPS; read again when it changes",
        default_means="plain HTTP",
        details="With `PRESENTE_TLS_KEY`. See [TLS](hardening.md#tls).",
    )
    tls_key: Path | None = setting(
        "",
        path_or_none,
        "PEM file with the certificate's private key, which only the server's user may read",
        default_means="plain HTTP",
    )
    memory_mb: int = setting(
        "0",
        whole_number(0, 1_000_000),
        "megabytes for photos that the server is reading, from decoding until their faces are cut out",
        default_means="1,024 and 192 per core, at most half of the machine's or container's memory",
        details="The models, the index and uploads are not in it. With less than 1,024 for one photo, the largest are "
        "refused ([admission](http.md#photos-that-cost-much)).",
    )
    server_threads: int = setting(
        "8",
        whole_number(1, 256),
        "requests of one caller that the server answers at once; of all, twice as many",
    )
    most_behind_seconds: float = setting(
        "10",
        number(0.1, 86_400.0),
        "seconds that the index may be behind the documents; with more, /readyz says that the server is not ready",
        details="See [readiness](http.md#readiness).",
    )
    log_format: LogFormat = setting(
        "text",
        choice(LogFormat),
        "form of the log on stderr: text, or json (one object per line)",
        details="See [observability](observability.md#logs).",
    )
    traces: Traces = setting(
        "auto",
        choice(Traces),
        "OpenTelemetry traces of requests: off, otlp, or auto (otlp where OTEL_* variables ask for it)",
        details="Needs `presente[otel]` ([traces](observability.md#traces)).",
    )
    api_keys: tuple[ApiKey, ...] = setting(
        "",
        read_keys,
        "who may use the server: ROLE:KEY,... with the roles attendance, viewer and admin",
        default_means="everyone on this machine, no one else",
        details="Never shown, only counted ([keys](access.md#keys)).",
        show=described_keys,
        secret=True,
    )
    accounts: OffOrOn = setting(
        "off",
        choice(OffOrOn),
        "on: people log in, and nothing is answered without a key or a session; off: only keys, if there are any",
        details="With it the server may bind any address ([access](access.md)).",
    )
    session_idle_minutes: int = setting("60", whole_number(5, 10_080), "minutes without a request that end a session")
    session_hours: int = setting("12", whole_number(1, 720), "hours after which a session ends in any case")
    student_photos: bool = setting("false", truth, "let students who log in add photos of themselves")
    student_photos_most: int = setting(
        "10", whole_number(1, 1000), "photos that there may be of a student, for the student to add another"
    )
    student_photos_mb: int = setting(
        "25",
        whole_number(1, 10_000),
        "megabytes that the photos of a student may take together with those that the student adds",
    )
    trusted_proxies: tuple[str, ...] = setting(
        "",
        networks,
        "addresses or networks of proxies whose X-Forwarded-Proto and X-Forwarded-For are believed, separated by ','",
        details="See [behind TLS](access.md#behind-tls).",
        show=",".join,
    )
    api_key: str = setting(
        "",
        str,
        "the key with which evaluation asks another server, and which the Python client takes unless it is given one",
        default_means="none",
        details="Never shown ([client](client.md)).",
        show=lambda key: "set" if key else "",
        secret=True,
    )
    request_limit: RequestRate | None = setting(
        "",
        request_rate,
        "requests that one caller may send, like 600/minute; off for any number",
        default_means="6000/minute with keys or accounts, else off",
        details="See [limits](http.md#limits).",
    )
    request_limit_strangers: RequestRate | None = setting(
        "",
        request_rate,
        "requests that one address without a key may send",
        default_means="300/minute with keys or accounts, else off",
    )
    limits_store: str = setting(
        "memory",
        str,
        "where requests are counted: memory, or redis://HOST:PORT/DATABASE for several servers",
        show=hidden_address,
    )
    access_log: AccessLogLevel = setting(
        "all",
        choice(AccessLogLevel),
        "what is written into the access log: all, only changes, or nothing (off)",
        details="See [access log](access-log.md).",
    )
    backup_undo_days: int = setting(
        "7",
        whole_number(0, 3650),
        "days for which a backup can bring back someone who was erased and did not ask for it",
        details="See [backup](backup.md#an-erasure-that-was-a-mistake).",
    )
    withdrawal_days: int = setting(
        "14",
        whole_number(0, 3650),
        "days between the withdrawal of a consent, which stops recognition at once, and the erasure",
        details="See [privacy](privacy.md#consents).",
    )
    retention: Retention = setting(
        "",
        read_retention,
        "how long what is kept: KIND=DAYSd and CLASS.KIND=DAYSd, separated by blanks; the kinds are students, photos, "
        "attendance_faces, access_log and jobs",
        default_means="nothing goes",
        details="See [privacy](privacy.md#periods).",
        show=shown_retention,
    )
    erasure_list: Path | None = setting(
        "",
        path_or_none,
        "file that every erasure is appended to before it is acknowledged, for a restored backup",
        default_means="none",
        details="See [privacy](privacy.md#the-erasure-list). It names no one; keep it on another disk.",
    )
    session_photos: SessionPhotos = setting(
        "until_closed",
        choice(SessionPhotos),
        "copies of the photos of sessions: kept until_closed (and at most 48 hours), or never",
        details="See [sessions](sessions.md#photos).",
    )
    cameras: tuple[tuple[str, str], ...] = setting(
        "",
        named_cameras,
        "cameras by name, as NAME=SOURCE separated by spaces: an address like rtsp://USER:PASSWORD@HOST/PATH, or a "
        "device like /dev/video0",
        default_means="none",
        details="See [cameras](films.md#cameras).",
        show=camera_names,
        secret=True,
    )
    webhook: str = setting(
        "",
        web_hook,
        "address that is told what is recorded, by https",
        default_means="none",
        details="See [webhook](webhook.md). The host alone is shown.",
        show=only_host,
    )
    webhook_secret: str = setting(
        "",
        hook_secret,
        "what the webhook's requests are signed with; whsec_ before base64",
        default_means="none",
        details="Never shown.",
        show=lambda secret: "set" if secret else "",
        secret=True,
    )
    first_page: Path | None = setting(
        "",
        path_or_none,
        "folder with the build of the first system's page, which is served below /first/",
        default_means="none",
        details="See [the first system's page](first-page.md).",
    )
    cors_origins: tuple[str, ...] = setting(
        "",
        web_origins,
        "origins of other sites' pages that may use the server, like http://localhost:3000, separated by ','",
        show=",".join,
    )
    came_from: Mapping[str, str] = field(default_factory=dict, compare=False)
    texts: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def pack_places(self) -> tuple[Path, ...]:
        """Where packs are looked for, in order: the extra places, ours, insightface's own."""
        return (*self.models, SAMPLE / "models", *([self.pulled_packs] if _has_home() else []))

    @property
    def template_cache(self) -> Path:
        """Where evaluation keeps templates, by the content of their photos."""
        return self.cache / "templates.db"

    @property
    def download_cache(self) -> Path:
        """Where the indexer keeps photos that it downloaded."""
        return self.cache / "downloads"

    @property
    def pulled_packs(self) -> Path:
        """Where insightface keeps its packs, and where ``faces pull`` puts them."""
        return Path("~/.insightface/models").expanduser()

    def described(self) -> list[dict[str, str]]:
        """Variable, value, where it came from and meaning of every setting, for people and for ``--json``."""
        return [
            {
                "name": each.variable,
                "value": each.show(getattr(self, each.name)),
                "from": self.came_from.get(each.name, "default"),
                "meaning": each.meaning,
            }
            for each in SETTINGS
        ]


SETTINGS: tuple[Setting, ...] = declared_settings(Settings)
"""What is known about each setting, in the order in which people are shown them."""


def _has_home() -> bool:
    """Whether there is a home folder at all: a container's user may have none."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True
