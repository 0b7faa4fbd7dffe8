"""What is in deploy/: its settings, paths, ports, lists and commands are real, and linters accept it where they are."""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import hatch_build
import indexer.__main__
from presente.settings import SETTINGS, load_settings
from tests.certificates import authority
from tests.conftest import ROOT
from tests.pins import pinned

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (it is in CI)")

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
HAPROXY = (DEPLOY / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
FILES = [path for path in DEPLOY.rglob("*") if path.is_file() and path.name not in (".env", "site.pem")]
KUSTOMIZATIONS = sorted((DEPLOY / "kubernetes").rglob("kustomization.yaml"))
SECRETS = dict.fromkeys(("MONGO_PASSWORD", "MONGO_KEY", "METRICS_KEY", "GRAFANA_PASSWORD"), "0123456789abcdef0123")
PORT = "8000"


def image_environment() -> dict[str, str]:
    """What the image sets."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(block.replace("\\\n", " ")))


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def substituted(text: str, given: Mapping[str, str]) -> str:
    """A text of the compose file, with its variables as compose puts them in."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: given.get(found[1]) or found[2] or "", text)


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(set((DEPLOY / "kubernetes").rglob("*.yaml")) - set(KUSTOMIZATIONS)):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod of the manifests, with a name."""
    for each in manifests():
        kind, spec = each["kind"], each.get("spec", {})
        if kind == "RayCluster":
            yield "ray head", spec["headGroupSpec"]["template"]["spec"]
            yield from ((f"ray {group['groupName']}", group["template"]["spec"]) for group in spec["workerGroupSpecs"])
        elif "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def test_every_setting_that_is_named_exists() -> None:
    known = {each.variable for each in SETTINGS}
    named = {name for path in FILES for name in re.findall(r"PRESENTE_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert len(named) > 12 and named <= known
    assert set(tomllib.loads((DEPLOY / "systemd" / "presente.toml").read_text())) <= {each.name for each in SETTINGS}


def test_the_settings_are_such_that_a_server_starts_with_them() -> None:
    image = image_environment()
    server = {
        name: substituted(text, SECRETS | {"TIMEZONE": "America/Mexico_City"})
        for name, text in compose()["x-server"]["environment"].items()
    }
    (cluster,) = (each["data"] for each in manifests() if each["kind"] == "ConfigMap")
    for environment in (image, image | server, image | cluster):
        settings = load_settings(environment=environment)
        assert (settings.host, settings.port, settings.accounts) == ("0.0.0.0", int(PORT), "on")
        own = (settings.index, settings.export, settings.imports, settings.cache)
        assert all(path.is_relative_to("/data") for path in own)
    assert load_settings(environment=image | server).trusted_proxies == ("172.31.250.10/32",)
    machine = load_settings(environment={}, folder=DEPLOY / "systemd")
    assert machine.accounts == "on" and machine.host == "127.0.0.1" and machine.trusted_proxies


def test_the_ports_agree() -> None:
    services, balancer = compose()["services"], compose()["services"]["balancer"]
    assert f"EXPOSE {PORT}\n" in DOCKERFILE and image_environment()["PRESENTE_PORT"] == PORT
    servers = [f"{name}:{PORT}" for name in services if name.startswith("server-")]
    assert [balancer["environment"][name] for name in ("SERVER_1", "SERVER_2")] == servers
    assert [each.rsplit(":", 1)[1] for each in balancer["ports"]] == ["8080", "8443"]
    assert [balancer["environment"][name] for name in ("HTTP_BIND", "HTTPS_BIND")] == [":8080", ":8443"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == servers and scraped["job_name"] == "presente"
    (pod,) = (pod for name, pod in pods() if name == "presente")
    assert [each["containerPort"] for each in pod["containers"][0]["ports"]] == [int(PORT)]
    assert f"SERVER_1=127.0.0.1:{PORT}" in PAGE
    assert (
        balancer["networks"]["edge"]["ipv4_address"] == compose()["x-server"]["environment"]["PRESENTE_TRUSTED_PROXIES"]
    )


def test_no_secret_is_in_a_file_and_none_has_a_default() -> None:
    asked = re.findall(r"\$\{((?:\w+_)?(?:PASSWORD|KEY))(:[-?]\}?)?", (DEPLOY / "compose.yaml").read_text())
    by_choice = ("MASTER_KEY", ":-}")  # without it nothing is sealed
    assert by_choice in asked
    needed = [each for each in asked if each != by_choice]
    assert {name for name, _ in needed} == SECRETS.keys() and {how for _, how in needed} == {":?"}
    assert f"for name in {' '.join(SECRETS)}; do" in PAGE
    assert not any(each["kind"] == "Secret" for each in manifests())
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_the_files_name_is_there() -> None:
    named = [line.split()[0] for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, flags=re.MULTILINE)]
    assert named == ["requirements*.txt", "."]
    for service in compose()["services"].values():
        for volume in service.get("volumes", []):
            source = substituted(volume, {}).split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in compose()["volumes"], volume
    for path in KUSTOMIZATIONS:
        for name in yaml.safe_load(path.read_text())["resources"]:
            assert (path.parent / name).is_file(), name
    for name in set(re.findall(r"(?<![\w/.-])deploy/[\w./-]*\w", PAGE)) - {"deploy/.env", "deploy/site.pem"}:
        assert (ROOT / name).exists(), name
    unit = (DEPLOY / "systemd" / "presente.service").read_text()
    assert re.search(r"^ExecStart=(.*)$", unit, flags=re.MULTILINE)[1] == "/opt/presente/bin/presente serve"  # type: ignore[index]
    assert "python3 -m venv /opt/presente\n" in PAGE and "ORT_DISABLE_TELEMETRY=1" in unit


def test_the_build_gets_what_the_wheel_is_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    assert {"presente", *hatch_build.ROOMS, "data_sample", "hatch_build.py", "pyproject.toml"} <= allowed
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"], "requirements*.txt"} <= allowed
    assert hatch_build.CONSOLE_BUILD in lines


def test_every_list_of_an_extra_exists_and_agrees_with_the_others() -> None:
    texts = [PAGE, DOCKERFILE, *(path.read_text() for path in KUSTOMIZATIONS)]
    named = {word for text in texts for words in re.findall(r'EXTRAS="?([a-z ]+)', text) for word in words.split()}
    assert {"redis", "openvino", "otel"} <= named
    if not (ROOT / "requirements-ray.txt").exists():
        named.discard("ray")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert named <= extras.keys()
    test = pinned("requirements.txt") | pinned("requirements-test.txt")
    for name in named:
        pins = pinned(f"requirements-{name}.txt")
        assert all(test.get(package, version) == version for package, version in pins.items()), name


def test_pods_are_confined_and_not_given_the_addresses_of_services() -> None:
    found = dict(pods())
    assert len(found) == 5
    for name, pod in found.items():
        assert pod["enableServiceLinks"] is False, f"{name}: PRESENTE_PORT would be an address"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001, name
        volumes = {volume["name"] for volume in pod["volumes"]} | {"data"}
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"] and confined["capabilities"] == {"drop": ["ALL"]}, name
            assert not confined["allowPrivilegeEscalation"], name
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name
    assert "USER 10001:10001\n" in DOCKERFILE


def unit_settings() -> dict[str, list[str]]:
    """Every line of the unit's service, by its name."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / "presente.service").read_text().partition("[Service]")[2].splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, text = line.partition("=")
            found.setdefault(name, []).append(text)
    return found


def test_the_unit_is_confined() -> None:
    found = unit_settings()
    assert found["User"] == ["presente"] and found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert found["ProtectSystem"] == ["strict"] and found["StateDirectory"] == ["presente"]
    assert "ReadWritePaths" not in found and found["UMask"] == ["0077"]
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged"]
    assert found["LimitCORE"] == ["0"] and found["LimitMEMLOCK"] == ["infinity"]
    for name in (
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateTmp",
        "PrivateUsers",
        "ProtectHome",
        "RestrictNamespaces",
    ):
        assert found[name] == ["yes"], name


def test_systemd_finds_little_exposed() -> None:
    said = accepted("systemd-analyze", "security", "--offline=true", DEPLOY / "systemd" / "presente.service")
    score = float(re.findall(r"Overall exposure level for presente.service: ([0-9.]+)", said)[0])
    assert score <= 2.0  # other versions of systemd count otherwise
    stated = (ROOT / "docs" / "hardening.md").read_text() + PAGE
    assert set(re.findall(r"([0-9]\.[0-9]), \"OK\"", stated)) == {"1.4"}


def test_containers_of_compose_are_confined() -> None:
    services = compose()["services"]
    assert len(services) == 8
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert service["ulimits"]["core"] == 0, name
    for name in ("server-1", "server-2", "indexer"):
        assert services[name]["read_only"] and services[name]["ulimits"]["memlock"] == -1, name
        assert services[name]["tmpfs"] == ["/tmp:nosuid,nodev"], name
    (namespace,) = (each for each in manifests() if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


def test_the_health_of_the_image_is_asked_over_http_or_tls(tmp_path: Path) -> None:
    (words,) = re.findall(r"^    CMD (\[\"python\".*\])$", DOCKERFILE, flags=re.MULTILINE)
    code = json.loads(words)[2]
    made = authority(tmp_path)
    made.sign(tmp_path / "a.pem", tmp_path / "a.key")

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    for tls in (False, True):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(tmp_path / "a.pem", tmp_path / "a.key")
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            own = {"PRESENTE_PORT": str(server.server_port)} | (
                {"PRESENTE_TLS_CERTIFICATE": "/tls/a.pem"} if tls else {}
            )
            done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True)
            server.shutdown()
            assert done.returncode == 0, done.stderr


def indexer_words(name: str) -> list[str]:
    """The words after ``presente index`` in a job's command."""
    (pod,) = (pod for found, pod in pods() if found == name)
    words = shlex.split(pod["containers"][0]["command"][-1].replace("$((JOB_COMPLETION_INDEX + 1))", "3"))
    return words[words.index("presente") + 2 :]


@pytest.mark.parametrize("name", ["presente-bulk", "presente-ray-bulk"])
def test_the_commands_of_jobs_are_understood(name: str) -> None:
    words = indexer_words(name)
    parser = indexer.__main__.build_parser()
    (group,) = (each for each in parser._actions if hasattr(each, "choices") and each.choices and "add" in each.choices)
    missing = {word for word in words if word.startswith("--")} - set(group.choices["add"]._option_string_actions)  # type: ignore[index]
    if missing:
        pytest.skip(f"indexer add has no {' '.join(sorted(missing))}")
    parser.parse_args(words)


def test_there_are_as_many_parts_as_pods() -> None:
    (job,) = (each["spec"] for each in manifests() if each["metadata"]["name"] == "presente-bulk")
    assert job["completions"] == job["maxFailedIndexes"] == int(indexer_words("presente-bulk")[-1].split("/")[1])


def test_the_cluster_has_the_version_of_ray_that_is_installed() -> None:
    if not (ROOT / "requirements-ray.txt").exists():
        pytest.skip("there is no list of Ray's")
    (cluster,) = (each["spec"] for each in manifests() if each["kind"] == "RayCluster")
    assert cluster["rayVersion"] == pinned("requirements-ray.txt")["ray"]


def test_the_dashboard_is_where_grafana_looks() -> None:
    volumes = compose()["services"]["grafana"]["volumes"]
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/presente.yaml").read_text())["providers"][0]
    assert f"./grafana/presente.json:{provider['options']['path']}/presente.json:ro" in volumes


# -- linters -------------------------------------------------------------------------------------------------------


def accepted(*words: str | Path, environment: Mapping[str, str] | None = None, **streams: Any) -> str:
    """What a linter prints that finds nothing; skips where it is not installed."""
    program = shutil.which(str(words[0]), path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, env=environment, **streams)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_hadolint_accepts_the_dockerfile() -> None:
    accepted("hadolint", DEPLOY / "Dockerfile")


@pytest.mark.parametrize("script", ["check.sh", "haproxy/certificate.sh"])
def test_the_scripts_are_well_formed(script: str) -> None:
    accepted("bash", "-n", DEPLOY / script)
    accepted("shellcheck", DEPLOY / script)


def test_promtool_accepts_alerts_and_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(DEPLOY / "prometheus" / name, tmp_path)
    (tmp_path / "key").write_text("key")
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(configuration.read_text().replace("/run/secrets/metrics_key", str(tmp_path / "key")))
    accepted("promtool", "check", "config", configuration)


@pytest.mark.parametrize("more", [{}, {"SERVER_2": "127.0.0.1:2"}, {"ACME": "127.0.0.1:3", "RUN_AS": "root"}])
def test_haproxy_accepts_its_configuration(more: dict[str, str]) -> None:
    environment = {"SERVER_1": "127.0.0.1:1", "PATH": "/usr/sbin:/usr/bin"} | more
    accepted("haproxy", "-c", "-q", "-f", DEPLOY / "haproxy" / "haproxy.cfg", environment=environment)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "presente.service").read_text().replace("/opt/presente/bin/presente", "/bin/true")
    (tmp_path / "presente.service").write_text(unit)
    accepted("systemd-analyze", "verify", tmp_path / "presente.service")


def test_compose_accepts_its_file(tmp_path: Path) -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    (tmp_path / "env").write_text("".join(f"{name}={text}\n" for name, text in SECRETS.items()) + "TIMEZONE=UTC\n")
    said = accepted(
        *("docker", "compose", "--env-file", tmp_path / "env", "-f", DEPLOY / "compose.yaml", "config"),
        *("--format", "json"),
    )
    server = json.loads(said)["services"]["server-1"]
    assert server["read_only"] and server["environment"]["PRESENTE_API_KEYS"] == f"viewer:{SECRETS['METRICS_KEY']}"


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_the_manifests_are_valid(path: Path, tmp_path: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (it is in CI)")
    for each in yaml.safe_load_all(accepted("kubectl", "kustomize", path.parent)):
        if not each["apiVersion"].startswith("ray.io/"):
            validate.validate(each, "1.37", strict=True)
