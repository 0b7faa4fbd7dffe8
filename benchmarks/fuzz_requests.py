"""Requests for the fuzz run: of every route of the application, right ones and wrong ones, each made from a seed and a
number alone, so that it can be made again."""

# ruff: noqa: E501 - lists of odd values, as many on a line as are of a kind
from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from werkzeug.routing import Rule

from benchmarks.fuzz_files import damaged, damaged_npy, damaged_photo, photos_by_format
from server.app import create_app
from server.service import ServiceHandle

ADMIN, ATTENDANCE = "fuzz-admin-0123456789", "fuzz-attendance-0123456789"

_ODD_JSON = (
    "5", "-0", "true", "null", "[]", "{}", '""', '"x"', "1.5", "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "[null]",
    "99999999999999999999", "-99999999999999999999", "1" * 5000, "1e-999", "[[[[[]]]]]", '{"a": {"b": 1}}', '"\\ud800"',
    '"\\u0000"', '"\\udfff\\ud800"', '["x", 1]', '"../../etc/passwd"', '"\\u202eabc"', '"' + "x" * 300 + '"', "[" * 2000,
    '"' + "\\u00e1" * 60_000 + '"', "[" + "1," * 20_000 + "1]", '{"\\ud800": 1}', '"2026-11-20"', '"٣"', '" "', '"\\n"',
    '{"fecha": 5}', '{"fecha": "2026-08-01", "texto": "x", "texto": "y"}', '"0001-01-01"', '"9999-12-31"', "0x10", "'x'",
    "[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000,
)  # fmt: skip

_ODD_QUERY = (
    "", "0", "-1", "1", "5", "1000", "1001", "99999999999999999999", "-99999999999999999999", "nan", "inf", "-inf", "1e400",
    "-1e400", "0.5", "0.99", "1e-400", "%D9%A3", "%FF", "%00", "%ED%A0%80", "%F0%9F%98%80", "true", "TRUE", "false", "x",
    "%20", "%0D%0AX-Evil:%201", "2026-11-20", "2026-W47-5", "20261120", "0001-01-01", "9999-12-31", "2026-02-30", "%", "%zz",
    "'%3B--", "%25", "_", ".*", "(", "%5B", "%5C", "$ne", "1_000", "+5", "0x10", "IA-101", "A0175", "largest", "csv", "json",
    "a" * 201, "a" * 50_000, "%00" * 300, "(a%2B)%2B" * 20, "%C3%A1" * 150, "eyJ9", "W10=", "bnVsbA==", "WzFd", "W251bGwsMSwyLDNd",
)  # fmt: skip

_QUERY_NAMES = (
    "k", "threshold", "faces", "clase", "cohort", "fecha", "desde", "hasta", "matricula", "history", "format", "limit",
    "cursor", "q", "force", "sort", "aviso", "without_photos", "without_consent", "size", "dry_run", "purpose", "columns",
)  # fmt: skip

_ODD_PATHS = (
    "A0175", "A0178", "FUZZ-1", "FUZZ-2", "x" * 300, "%00", "%FF", "%ED%A0%80", ".", "..", "%2e%2e", "%2F", "a%2Fb", "%20",
    "%E2%80%AE", "1", "0", "-1", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "1" * 4000, "%D9%A3",
    "٣", "1.0", "page.js", "../app.py", "..%2f..%2fapp.py", "%5c..%5capp.py", "con", "a" * 20_000, "{}", "%7B%7D", "'", "$where",
)  # fmt: skip

_ODD_HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Idempotency-Key", ("k1", "k2", "k3", "x" * 200, "x" * 201, "", " ", "a b", "\xff", "x" * 20_000, "$ne")),
    ("X-Request-Id", ("abc", "x" * 65, "a b", "\xe9", "%0a", "x" * 20_000)),
    ("Accept", ("*/*", "text/csv", "application/json", "text/csv;q=nan", "x", "a/b;q=1e999", ";" * 999, "text/csv;q=\xff", "," * 9999)),
    ("Accept-Encoding", ("gzip, br", "*;q=0")),
    ("Range", ("bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=" + "0-0," * 999, "x=0-")),
    ("If-Modified-Since", ("Thu, 01 Jan 1970 00:00:00 GMT", "x", "Thu, 99 Jan 9999 99:99:99 GMT")),
    ("If-None-Match", ('"x"', "*", '"' * 99)),
    ("Cookie", ("a=b", "=;" * 999, "\xff")),
    ("Content-Encoding", ("gzip", "identity")),
    ("X-Forwarded-For", ("1.2.3.4", "x")),
    ("X-HTTP-Method-Override", ("DELETE",)),
    ("Access-Control-Request-Method", ("DELETE",)),
)  # fmt: skip

_ODD_KINDS = (
    "application/json; charset=utf-16", "application/json;charset=x", "text/json", "application/json;" + "a=b;" * 500, "", "x",
    "application/vnd.api+json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300,
    "application/x-www-form-urlencoded", "image/jpeg; charset=\xff", "image/svg+xml", "image/" + "x" * 5000, "text/plain", ";;;",
    "application/octet-stream", "MULTIPART/FORM-DATA; BOUNDARY=x", "application/x-npy",
)  # fmt: skip

_VALID: dict[str, dict[str, object]] = {
    "POST /v1/search": {"embeddings": [[0.5] * 8], "k": 5},
    "POST /v1/verify": {"image": "PHOTO", "matricula": "A0175"},
    "POST /v1/students": {
        "matricula": "FUZZ-1", "nombre_del_alumno": "Ana Fuzz", "clase": "FZ-1", "fecha_de_registro": "2026-01-02",
        "consentimiento": {"fecha": "2026-08-01", "texto": "aviso"}, "images": ["PHOTO"],
    },
    "POST /v1/students/<matricula>/images": {"images": ["PHOTO"]},
    "POST /v1/students/<matricula>/merge": {"into": "FUZZ-2"},
    "POST /v1/students/<matricula>/images/<image>/move": {"to": "FUZZ-2"},
    "POST /v1/jobs": {"kind": "calibrate", "fpir": 0.01},
    "POST /v1/imports/<number>/run": {"rows": [2, 3]},
    "PATCH /v1/students/<matricula>": {
        "nombre_del_alumno": "Ana", "clase": "FZ-2", "otras_clases": ["FZ-3"], "fecha_de_registro": "2026-01-02",
        "consentimiento": {"fecha": "2026-08-01", "texto": "aviso"}, "aviso": "",
    },
    "POST /v1/attendance": {"matricula": "FUZZ-1", "status": "present", "note": "vino"},
    "PATCH /v1/attendance/<int:number>": {"status": "rejected", "note": "no"},
    "POST /v1/participations": {
        "matricula": "FUZZ-1", "clase": "FZ-1", "fecha": "2026-01-05", "kind": "pregunta", "note": "bien",
    },
    "POST /upload": {
        "matricula": "FUZZ-2", "nombre_del_alumno": "Eva Fuzz", "clase": "FZ-1", "fecha_de_registro": "5/1/2026", "image": "PHOTO",
    },
}  # fmt: skip
"""A right JSON body for each route that takes one; the others that take a photo get ``{"image": PHOTO}``."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, as it goes over the wire."""

    number: int
    route: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def raw(self, host: str) -> bytes:
        """The bytes of the request; its length is always right: framing is not what is tried here."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body or self.method in ("POST", "PATCH"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


class Requests:
    """Makes requests, the same for the same seed and number."""

    def __init__(self, seed: int, photos: Sequence[bytes]) -> None:
        self.seed = seed
        self.photos = photos
        rules: list[Rule] = list(create_app(ServiceHandle(), 1).url_map.iter_rules())
        self.routes = sorted((method, rule.rule) for rule in rules for method in rule.methods or ())
        self.files = photos_by_format(photos[0])

    def odd(self, number: int) -> Sent:
        """A request to some route in which something, or nothing, is wrong."""
        rng = random.Random(f"{self.seed} {number}")
        method, rule = self.routes[number % len(self.routes)]
        if rng.random() < 0.02:
            method = rng.choice(("PUT", "TRACE", "FOO", "PROPFIND", "get"))
        target = self._path(rng, rule) + self._query(rng)
        kind, body = self._body(rng, method, rule)
        headers = list(_key(rng))
        if kind is not None:
            headers.append(("Content-Type", rng.choice(_ODD_KINDS) if rng.random() < 0.1 else kind))
        for name, values in _ODD_HEADERS:
            if rng.random() < 0.06:
                headers.append((name, rng.choice(values)))
        return Sent(number, f"{method} {rule}", method, target, tuple(headers), body)

    def file(self, number: int, form: str) -> Sent:
        """A request with a damaged photo of one format, to one of the routes that take photos."""
        rng = random.Random(f"{self.seed} {form} {number}")
        photo = damaged_photo(rng, rng.choice(self.files[form]))
        day = f"2026-01-{rng.randrange(1, 29):02}"
        target = rng.choice(
            ["/v1/identify"] * 6
            + ["/v1/verify?matricula=A0175", f"/v1/attendance?clase=IA-101&fecha={day}", "/v1/students/FUZZ-3/images"]
        )
        headers = (("X-API-Key", ADMIN), ("Content-Type", "image/jpeg"))
        return Sent(number, f"POST {target.partition('?')[0]} ({form})", "POST", target, headers, photo)

    # -- the parts of a request -------------------------------------------------------------------------------------

    def _path(self, rng: random.Random, rule: str) -> str:
        own = rng.choice(("FUZZ-1", "FUZZ-2"))
        whose = own if rng.random() < 0.6 else rng.choice(_ODD_PATHS)
        number = str(rng.randrange(1, 40)) if rng.random() < 0.6 else rng.choice(_ODD_PATHS)
        name = rng.choice(("page.js", "page.css", *_ODD_PATHS))
        photo = rng.choice(("0" * 64, *_ODD_PATHS))
        rule = rule.replace("<image>", photo).replace("<number>", photo[:32])
        path = rule.replace("<matricula>", whose).replace("<int:number>", number).replace("<path:name>", name)
        if rng.random() < 0.03:
            path = rng.choice(
                (path + "/", "/" + path, path + "/x", path.upper(), path + "%00", path.replace("/", "//"))
            )
        return quote(path, safe="/%.")

    def _query(self, rng: random.Random) -> str:
        names = rng.sample(_QUERY_NAMES, rng.choice((0, 0, 1, 1, 2, 3)))
        parts = [f"{name}={rng.choice(_ODD_QUERY)}" for name in names]
        if rng.random() < 0.3:
            parts = [f"clase={rng.choice(('IA-101', 'FZ-1'))}", f"fecha=2026-01-{rng.randrange(1, 29):02}"]
        if parts and rng.random() < 0.05:
            parts.append(parts[0])
        if rng.random() < 0.05:
            parts.append(
                rng.choice(("&&&", "=", "=x", "x", "%FF=1", "a" * 3000 + "=1", "%00=1", "k=1" + "&k=1" * 2000))
            )
        return quote("?" + "&".join(parts), safe="?&=%$'+_.*") if parts else ""

    def _body(self, rng: random.Random, method: str, rule: str) -> tuple[str | None, bytes]:
        if method not in ("POST", "PATCH") and rng.random() < 0.95:
            return None, b""
        valid = self._filled(rng, _VALID.get(f"{method} {rule}", {"image": "PHOTO"}))
        makes: tuple[Callable[[], tuple[str | None, bytes]], ...] = (
            lambda: ("application/json", json.dumps(valid).encode()),
            lambda: ("application/json", _changed(rng, valid)),
            lambda: ("application/json", _changed(rng, valid)),
            lambda: ("application/json", _odd_text(rng, json.dumps(valid))),
            lambda: self._multipart(rng, valid),
            lambda: ("image/jpeg", rng.choice(self.photos)),
            lambda: ("image/png", damaged_photo(rng, rng.choice(self.files[rng.choice(sorted(self.files))]))),
            lambda: ("application/octet-stream", damaged_npy(rng)),
            lambda: (rng.choice((None, *_ODD_KINDS)), rng.randbytes(rng.choice((0, 1, 100, 70_000)))),
        )
        weights = (4, 8, 8, 4, 5, 1, 1, 12 if rule == "/v1/search" else 1, 1)
        return rng.choices(makes, weights)[0]()

    def _filled(self, rng: random.Random, body: Mapping[str, object]) -> dict[str, object]:
        """A body with a real photo in it, where one goes; students of the fuzz's own come and go."""
        photo = base64.b64encode(rng.choice(self.files[rng.choice(sorted(self.files))])).decode()
        found = json.loads(json.dumps(body).replace('"PHOTO"', json.dumps(photo)))
        if "matricula" in found:
            found["matricula"] = rng.choice((found["matricula"], "FUZZ-1", "FUZZ-2", "FUZZ-3"))
        return dict(found)

    def _multipart(self, rng: random.Random, fields: Mapping[str, object]) -> tuple[str, bytes]:
        """A form with the same fields; in two of three something is wrong with it."""
        mark = b"----fuzz"
        parts: list[bytes] = []
        for name, value in fields.items():
            if name in ("image", "images"):
                photo = rng.choice(self.photos)
                parts.append(b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + photo)
            else:
                text = value if isinstance(value, str) else json.dumps(value)
                parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode())
        way = rng.randrange(9)
        if way == 0:
            parts = [damaged(rng, part) for part in parts]
        elif way == 1:
            parts *= rng.choice((2, 20, 400))
        elif way == 2:
            parts.append(b'Content-Disposition: form-data; name="' + b"x" * 9000 + b'"\r\n\r\n1')
        elif way == 3:
            odd = rng.choice((b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"x" * 70_000, b""))
            parts.append(b'Content-Disposition: form-data; name="matricula"\r\n\r\n' + odd)
        elif way == 4:
            parts.append(
                b"Content-Disposition: form-data; name*=utf-99''%ff; filename*=x''y\r\nContent-Type: a/b; charset=z\r\n\r\n1"
            )
        body = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
        if way == 5:
            body = damaged(rng, body)
        return "multipart/form-data; boundary=----fuzz", body


def _key(rng: random.Random) -> Sequence[tuple[str, str]]:
    chance = rng.random()
    if chance < 0.55:
        return [("X-API-Key", ADMIN)]
    if chance < 0.85:
        return [("Authorization", f"Bearer {ATTENDANCE}")]
    if chance < 0.9:
        return []
    odd = (
        "Bearer",
        "Bearer  ",
        "Basic x",
        "bearer " + "x" * 20_000,
        "\xff",
        "Bearer \x80",
        "Digest a=b",
        "," * 999,
        "Bearer a b c",
    )
    return [("Authorization", rng.choice(odd))]


def _changed(rng: random.Random, valid: Mapping[str, object]) -> bytes:
    """A right body with one member or two that are not: another value, twice, gone, or one too many."""
    members = {name: json.dumps(value) for name, value in valid.items()}
    extra: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        name = rng.choice(sorted(members) or ["x"])
        way = rng.randrange(10)
        if way < 6:
            members[name] = rng.choice(_ODD_JSON)
        elif way == 6:
            members.pop(name, None)
        elif way == 7:
            extra.append(f'"{name}": {rng.choice(_ODD_JSON)}')
        else:
            strange = rng.choice(
                ('"x"', '"\\ud800"', '"\\u0000"', '""', '"' + "y" * 5000 + '"', '"__proto__"', '"matricula "', '"k"')
            )
            extra.append(f"{strange}: {rng.choice(_ODD_JSON)}")
    parts = [f"{json.dumps(name)}: {text}" for name, text in members.items()] + extra
    return ("{" + ", ".join(parts) + "}").encode("utf-8", "surrogatepass")


def _odd_text(rng: random.Random, valid: str) -> bytes:
    """A body that is no object, no JSON, or JSON in another encoding."""
    return rng.choice(
        (
            lambda: rng.choice(_ODD_JSON).encode(),
            lambda: rng.choice(_ODD_JSON).encode(),
            lambda: b"\xef\xbb\xbf" + valid.encode(),
            lambda: valid.encode("utf-16"),
            lambda: valid.encode("utf-32-le"),
            lambda: b"\xff" + valid.encode(),
            lambda: valid.encode() + b"\x00",
            lambda: valid.encode() + valid.encode(),
            lambda: b"",
            lambda: b"[" + valid.encode() + b"]",
            lambda: valid.encode().replace(b'"', b"'"),
            lambda: damaged(rng, valid.encode()),
        )
    )()
