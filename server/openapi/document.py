"""The whole description: paths, parameters, bodies, answers, errors and keys, of every route of an application."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Any

import msgspec
from flask import Flask
from werkzeug.routing import Rule

from presente import __version__
from server import body_sizes
from server.access.authentication import SESSION_COOKIE
from server.access.permissions import Permission, permission_needed, roles_with
from server.error_codes import KEYED
from server.legacy.responses import LegacyProblem
from server.openapi.body_media import JsonSchema, request_body
from server.openapi.route_errors import codes_of, statuses
from server.path_numbers import LARGEST
from server.responses.problem import Problem
from server.typed_routes import RouteTypes, kinds_of, types_of

_SCHEMAS = "#/components/schemas/{name}"
_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
_IN_PATH = re.compile(r"<(?:(?P<kind>[a-z]+):)?(?P<name>\w+)>")
_TAGS = {
    "identify": "Who is it: identification, search, verification.",
    "students": "Students and their photos.",
    "attendance": "Attendance: entries of classes and dates.",
    "sessions": "Sessions: meetings of a class, with the roll of each.",
    "classes": "Classes and their timetables.",
    "participations": "Participations in class.",
    "statistics": "What attendance and participation add up to.",
    "access_log": "Who did what, when, and about whom.",
    "access": "Keys of machines and accounts of people.",
    "login": "Logging in and out.",
    "status": "Whether the service answers, and what it holds.",
    "first_page": "What the first React page calls.",
}
_HEADERS = {
    "RequestId": ("The request's id, also in the server's log; yours, if you sent one.", {"type": "string"}),
    "RetryAfter": ("Seconds to wait before the same request is sent again.", {"type": "integer"}),
    "Authenticate": ("How a key is sent.", {"type": "string"}),
}


@dataclass
class _Schemas:
    """Schemas of types, each once, by name."""

    components: dict[str, JsonSchema] = field(default_factory=dict)

    def of(self, kind: Any) -> JsonSchema:
        """A reference to the schema of a type, which is kept."""
        (schema,), components = msgspec.json.schema_components([kind], ref_template=_SCHEMAS)
        self.components.update({name: _with_types(each) for name, each in components.items()})
        return dict(schema)


@cache
def examples() -> dict[str, dict[str, Any]]:
    """By operation and status an answer of a server of the sample class; ``tools/openapi_examples.py`` makes them."""
    text = resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = msgspec.json.decode(text)
    return found


def describe(app: Flask) -> JsonSchema:
    """The OpenAPI 3.1 document of an application, as values of JSON."""
    schemas = _Schemas()
    paths: dict[str, JsonSchema] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        types = types_of(app, rule.endpoint)
        if types.replies is None:  # a file of a page
            continue
        path = _IN_PATH.sub(lambda part: f"{{{part['name']}}}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, types, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Presente HTTP API",
            "version": __version__,
            "summary": "Who is in this photo?",
            "description": "Photos become templates, templates are searched, and a photo gets back the nearest people, "
            'or "Desconocido". Nothing but what is described here is taken: an unknown parameter or field is refused.',
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key, as Authorization: Bearer KEY."},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION_COOKIE,
                    "description": "Of a person who has logged in; behind TLS its name begins with __Host-. "
                    "Requests that change something send csrf_token of GET /v1/session in X-CSRF-Token.",
                },
            },
        },
    }


def _operation(app: Flask, rule: Rule, types: RouteTypes, schemas: _Schemas) -> JsonSchema:
    view = app.view_functions[rule.endpoint]
    summary, _, rest = inspect.cleandoc(view.__doc__ or rule.endpoint).partition("\n")
    permission = permission_needed(app, rule.endpoint)
    opened = permission is Permission.OPEN
    roles = ["none"] if opened else [str(role) for role in roles_with(permission)]
    codes = codes_of(app, rule.endpoint, rule.arguments)
    legacy = rule.endpoint.startswith("first_page.")
    described: JsonSchema = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": summary,
        "description": _described(rest.strip(), roles, opened),
        "tags": [rule.endpoint.partition(".")[0]],
        "x-roles": roles,
        "security": [] if opened else [{"bearer": []}, {"key": []}, {"session": []}],
        "parameters": [*_in_path(rule), *_in_query(types), *_in_headers(codes)],
        "responses": _with_examples(rule.endpoint, {**_replies(types, schemas), **_refusals(codes, legacy, schemas)}),
    }
    body = request_body(types, schemas.of)
    if body is not None:
        limit = body_sizes.of(app, rule.endpoint).most
        if limit is not None:
            body["description"] = f"At most {limit} bytes."
        described["requestBody"] = body
    return described


def _with_examples(endpoint: str, responses: JsonSchema) -> JsonSchema:
    for status, example in examples().get(endpoint.replace(".", "_"), {}).items():
        next(iter(responses[status]["content"].values()))["example"] = example
    return responses


def _described(rest: str, roles: list[str], opened: bool) -> str:
    needs = "Needs no key." if opened else f"Needs one of the roles {', '.join(roles)}, where the server has keys."
    return f"{rest}\n\n{needs}".strip()


def _in_path(rule: Rule) -> Iterable[JsonSchema]:
    for part in _IN_PATH.finditer(rule.rule):
        number = {"type": "integer", "minimum": 0, "maximum": LARGEST}
        schema = number if part["kind"] == "int" else {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
        yield {"name": part["name"], "in": "path", "required": True, "schema": schema}


def _in_query(types: RouteTypes) -> Iterable[JsonSchema]:
    if types.parameters is None:
        return
    _, components = msgspec.json.schema_components([types.parameters])
    described = components[types.parameters.__name__]
    for name, schema in described["properties"].items():
        plain = _without_null(_with_types(schema))
        text = plain.pop("description", "")
        yield {
            "name": name,
            "in": "query",
            "required": name in described["required"],
            "description": text,
            "allowEmptyValue": not plain.get("minLength"),  # as good as absent
            "schema": plain,
        }


def _without_null(schema: JsonSchema) -> JsonSchema:
    """A query parameter's schema: one that is missing is not there, and never null."""
    kept = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if len(kept) == 1:
        return {**rest, **kept[0], **({"description": rest["description"]} if "description" in rest else {})}
    return {**rest, "anyOf": kept} if kept else rest


def _with_types(schema: Any) -> Any:
    """A schema in which a choice of texts says that it is text: pages and generators show a type."""
    if isinstance(schema, list):
        return [_with_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _with_types(value) for key, value in schema.items()}
    choices = made.get("enum")
    if isinstance(choices, list) and "type" not in made and all(isinstance(each, str) for each in choices):
        made["type"] = "string"
    return made


def _in_headers(codes: Iterable[str]) -> Iterable[JsonSchema]:
    yield {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "An id of yours: up to 64 letters, digits, dots, dashes and underscores. The reply and the log "
        "repeat it; another text is replaced.",
        "schema": {"type": "string"},
    }
    if set(codes) >= KEYED:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A text that no other request has: however often it is sent, it is carried out once.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
        }


def _replies(types: RouteTypes, schemas: _Schemas) -> JsonSchema:
    found: JsonSchema = {}
    for status, kind in (types.replies or {}).items():
        own = {name: {"description": text, "schema": {"type": "string"}} for name, text in types.headers.items()}
        answer: JsonSchema = {"description": HTTPStatus(status).phrase, "headers": {**_REQUEST_ID, **own}}
        if kind is not None:
            answer["content"] = _content(types, kind, schemas)
            meaning = inspect.cleandoc(getattr(kinds_of(kind)[0], "__doc__", "") or "").partition("\n")[0]
            answer["description"] = meaning or answer["description"]
        found[str(status)] = answer
    return found


def _content(types: RouteTypes, kind: Any, schemas: _Schemas) -> JsonSchema:
    """The media types of a reply; lines of JSON are described one by one."""
    if kind is str:
        return {types.streams: {"schema": {"type": "string"}}}
    if kind is bytes:
        return {types.streams: {"schema": {"type": "string", "format": "binary"}}}
    several = [schemas.of(each) for each in kinds_of(kind)]
    content: JsonSchema = {"application/json": {"schema": several[0] if len(several) == 1 else {"anyOf": several}}}
    if types.streamed_line is not None:
        content[types.streams] = {"schema": {"type": "string"}, "x-line-schema": schemas.of(types.streamed_line)}
    elif types.streams and types.streams != "application/json":
        content[types.streams] = {"schema": {"type": "string"}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in types.also_streams}
    return content


def _refusals(codes: Iterable[str], legacy: bool, schemas: _Schemas) -> JsonSchema:
    problem = schemas.of(LegacyProblem if legacy else Problem)
    found: JsonSchema = {}
    for status, of_status in statuses(codes).items():
        headers: JsonSchema = dict(_REQUEST_ID)
        if status in (429, 503):
            headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
        if status == 401:
            headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Authenticate"}
        found[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(of_status)}",
            "headers": headers,
            "content": {"application/problem+json": {"schema": problem}},
            "x-codes": of_status,
        }
    return found
