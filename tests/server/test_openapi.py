"""The API's description: valid, complete, the same as docs/http.md, and what the live server does."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from benchmarks.servers import UNLIMITED
from presente.access_roles import AccessRole
from server.access.permissions import permission_needed, roles_with
from server.app import create_app
from server.error_codes import CODES, STATUS_OF
from server.openapi.document import describe, examples
from server.responses.problem import Problem
from server.service import ServiceHandle
from server.typed_routes import kinds_of, types_of
from tests.conftest import ROOT, on_sqlite
from tests.server.conftest import Serve
from tests.server.declared_answers import FILES
from tests.server.sample import ADMIN, ATTENDANCE, KEYS

EXAMPLES = os.environ.get("PRESENTE_TEST_SCHEMATHESIS", "1")
APP = create_app(ServiceHandle(), 1)
HTTP = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
needs_schemathesis = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="needs schemathesis (requirements-ci.txt)"
)


@pytest.fixture(scope="module")
def document() -> Any:
    return describe(APP)


def operations(document: Any) -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), path): operation
        for path, of_path in document["paths"].items()
        for method, operation in of_path.items()
    }


def test_the_description_is_valid_openapi(document: Any) -> None:
    validator = pytest.importorskip("openapi_spec_validator", reason="needs requirements-ci.txt")
    validator.validate(document)
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(names) == len(set(names)) > 20


def test_every_route_is_described_with_the_roles_that_it_needs(document: Any) -> None:
    described = operations(document)
    for rule in APP.url_map.iter_rules():
        if rule.endpoint in FILES:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            operation = described.pop((method, path))
            assert operation["summary"] and operation["responses"]
            roles = {AccessRole(role) for role in operation["x-roles"]}
            assert roles == set(roles_with(permission_needed(APP, rule.endpoint))) or AccessRole.NONE in roles
            own = any(STATUS_OF[code] == 401 for code in types_of(APP, rule.endpoint).refuses)
            assert ("401" in operation["responses"]) == (bool(operation["security"]) or own)
    assert not described


def test_the_pages_table_of_routes_names_the_same_parameters(document: Any) -> None:
    described = operations(document)
    seen = 0
    for method, address in re.findall(r"^\| `(GET|POST|PATCH|DELETE) ([^`]+)` \|", HTTP, re.MULTILINE):
        path, _, query = address.partition("?")
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
        if (method, path) not in described:
            continue
        seen += 1
        inside = {each["name"]: each for each in described[method, path]["parameters"] if each["in"] == "query"}
        if not query and not any(each["required"] for each in inside.values()):
            assert not inside or path == "/v1/students/{matricula}/images", (method, path)
        for part in filter(None, query.split("&")):
            name, _, default = part.partition("=")
            given = inside.pop(name)["schema"].get("default")
            if default and given is not None:
                assert str(given).lower() == default, (method, path, name)
        assert not inside, f"docs/http.md lacks {sorted(inside)} of {method} {path}"
    assert seen > 15


def test_the_pages_table_of_errors_is_the_declared_one() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", HTTP, re.MULTILINE)
    assert {int(status): set(re.findall(r"`(\w+)`", codes)) for status, codes in rows} == CODES


def test_every_code_can_be_answered_by_some_route(document: Any) -> None:
    announced = {
        code
        for operation in operations(document).values()
        for reply in operation["responses"].values()
        for code in reply.get("x-codes", ())
    }
    unannounced = {code for codes in CODES.values() for code in codes} - announced
    # the last two: an unsupported method is no operation; readyz has a body of its own
    assert unannounced <= {"method_not_allowed", "documents_missing"}, unannounced


def _fits(example: Any, kind: Any) -> bool:
    try:
        msgspec.convert(example, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def test_the_examples_fit_what_is_declared(document: Any) -> None:
    """They are answers of an earlier day: ``python -m tools.openapi_examples`` makes them again."""
    seen = 0
    for endpoint in APP.view_functions:
        for status, example in examples().get(endpoint.replace(".", "_"), {}).items():
            declared = (types_of(APP, endpoint).replies or {}).get(int(status), Problem)
            fits = [_fits(example, kind) for kind in kinds_of(declared)]
            assert any(fits), (endpoint, status)
            seen += 1
    assert seen == sum(map(len, examples().values())) > 15


def _named(schema: Any, document: Any) -> bool:
    """Whether a schema is a reference to an object with members: what generators make a type of."""
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    found = document["components"]["schemas"].get(name, {})
    return schema.keys() == {"$ref"} and found["type"] == "object" and "anyOf" not in found and "allOf" not in found


def test_bodies_and_refusals_have_shapes_that_generators_of_clients_read(document: Any) -> None:
    """openapi-python-client makes ``Any`` of a body, and nothing of an answer, that has another shape."""
    bodies = refusals = 0
    for where, operation in operations(document).items():
        content = operation.get("requestBody", {"content": {}})["content"]
        if "application/json" in content:
            schema = content["application/json"]["schema"]
            assert all(_named(each, document) for each in schema.get("anyOf", [schema])), where
            bodies += 1
        if any(kind.startswith("image/") for kind in content):
            assert content["application/octet-stream"] == content["image/jpeg"], where
        for status, reply in operation["responses"].items():
            if "x-codes" not in reply:
                continue
            assert _named(reply["content"]["application/problem+json"]["schema"], document), (where, status)
            assert all(STATUS_OF[code] == int(status) and code in reply["description"] for code in reply["x-codes"])
            refusals += 1
    assert bodies > 10 and refusals > 200


def test_a_photo_may_be_sent_in_every_form(document: Any) -> None:
    described = operations(document)
    identify = described["POST", "/v1/identify"]["requestBody"]["content"]
    assert {"image/jpeg", "image/heic", "multipart/form-data", "application/json"} <= identify.keys()
    enrol = described["POST", "/v1/students"]["requestBody"]["content"]
    assert set(enrol) == {"multipart/form-data", "application/json"}  # beside a raw photo there is no matricula
    assert enrol["multipart/form-data"]["schema"]["required"] == ["image", "matricula", "nombre_del_alumno"]
    search = described["POST", "/v1/search"]["requestBody"]["content"]
    assert set(search) == {"application/json", "application/octet-stream"}


@on_sqlite
def test_the_description_is_served_without_a_key(client: FlaskClient, document: Any) -> None:
    reply = client.get("/openapi.json")
    assert reply.status_code == 200 and reply.get_json()["paths"].keys() == document["paths"].keys()
    with client.get("/docs") as page:
        assert page.status_code == 200 and b"//" not in page.data
        assert "script-src" not in page.headers["Content-Security-Policy"]  # default-src 'self' holds for scripts
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        with client.get(f"/docs/{name}") as asset:
            assert asset.status_code == 200
    assert client.get("/docs/..%2Fapp.py").status_code == 404 == client.get("/docs/missing.js").status_code


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_method_that_a_path_lacks_needs_what_its_other_methods_need(serve: Serve) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    livez = running.fetch("PUT", "/livez")
    assert livez.status == 405 and "GET" in livez.headers["Allow"]
    assert running.fetch("PUT", "/v1/students").status == 401
    assert running.fetch("PUT", "/v1/students", X_API_Key=ATTENDANCE).status in (403, 405)
    assert running.fetch("PUT", "/v1/students", X_API_Key=ADMIN).status == 405


@needs_schemathesis
@pytest.mark.untraced
@pytest.mark.usefixtures("sample_gallery")
def test_the_live_server_does_what_is_described(serve: Serve, store_url: str, tmp_path: Path) -> None:
    """Schemathesis, all checks on; PRESENTE_TEST_SCHEMATHESIS=50 makes it longer.

    What is refused is the same whatever the store is: the short form covers each parameter's bounds with one store.
    """
    running = serve(PRESENTE_API_KEYS=KEYS, **UNLIMITED)
    folder = tmp_path / "schemathesis"
    folder.mkdir()
    auth = f'[auth.openapi.bearer]\nbearer = "{ADMIN}"\n[auth.openapi.key]\napi_key = "{ADMIN}"\n'
    slow = "[checks]\nmax_response_time = 30\n"  # of a busy machine
    (folder / "schemathesis.toml").write_text(auth + slow, encoding="utf-8")
    phases = "fuzzing,stateful" if "mongo" in store_url and EXAMPLES == "1" else "coverage,fuzzing,stateful"
    words = [
        *("run", f"{running.address}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--seed", "1"),
        *("--request-timeout", "60", "--continue-on-failure", "--no-color", "--phases", phases),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(ROOT / "tools" / "schemathesis_hooks.py")}
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested and int(tested[1]) > 20 and " errored" not in done.stdout, done.stdout[-2000:]
    running.stop()
    assert not re.search(r"/\S* 500 [\d.]+ ms", (tmp_path / "server.log").read_text(encoding="utf-8"))


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_the_page_shows_every_operation_and_tries_one_with_a_key(serve: Serve, page: Any, document: Any) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{running.address}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == len(operations(document))
    page.click("button.authorize")
    page.locator("input[aria-label='auth-bearer-value']").fill(ADMIN)
    page.locator(".auth-btn-wrapper button.authorize").first.click()
    page.locator(".auth-btn-wrapper button.btn-done").first.click()
    page.click("#operations-status-status_status .opblock-summary")
    page.click("#operations-status-status_status .try-out__btn")
    page.click("#operations-status-status_status .execute")
    page.wait_for_selector("#operations-status-status_status .live-responses-table .response-col_status")
    shown = page.inner_text("#operations-status-status_status .live-responses-table")
    assert "200" in shown and '"subjects": 24' in shown
    assert all(url.startswith((running.address, "data:", "blob:")) for url in asked), asked
