"""What is deployed fits the services: broker users, the gateway's routes, containers, images. Nothing runs here."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from embedded.assembly import service
from shared.config import SERVICES
from shared.db import ROLES
from shared.log.bus import Bus

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "duebook"
DEFINITIONS: dict[str, Any] = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GATEWAY = (ROOT / "deploy/nginx/gateway.conf").read_text()


@pytest.fixture(scope="module")
def bus() -> Bus:
    return Bus("memory://", PREFIX, "names only")


def resources(bus: Bus) -> dict[str, str]:
    """Every exchange and queue of the installation, and whose it is."""
    return {made: name for name in SERVICES for made in (bus.exchange(name).name, bus.queue(name).name)} | {"amq.default": ""}


def permissions(name: str) -> dict[str, re.Pattern[str]]:
    (found,) = [entry for entry in DEFINITIONS["permissions"] if entry["user"] == name]
    return {kind: re.compile(found[kind]) for kind in ("configure", "write", "read")}


def test_each_service_has_a_broker_user_without_tags_or_a_password_in_git() -> None:
    assert [user["name"] for user in DEFINITIONS["users"]] == list(SERVICES)
    assert {user["password_hash"] for user in DEFINITIONS["users"]} == {""}
    assert [user["tags"] for user in DEFINITIONS["users"]] == [[]] * len(SERVICES)


def test_each_services_exchange_is_there_before_anybody_follows_it(bus: Bus) -> None:
    known = {entry["name"]: (entry["type"], entry["durable"]) for entry in DEFINITIONS["exchanges"]}

    assert known == {bus.exchange(name).name: ("fanout", True) for name in SERVICES}


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("kind", ["configure", "write"])
def test_a_service_configures_and_writes_its_own_exchange_and_queue_only(name: str, kind: str, bus: Bus) -> None:
    allowed = {made for made in resources(bus) if permissions(name)[kind].search(made)}

    assert allowed == {bus.exchange(name).name, bus.queue(name).name}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_reads_its_own_queue_and_the_exchanges_that_it_follows_only(name: str, bus: Bus) -> None:
    allowed = {made for made in resources(bus) if permissions(name)["read"].search(made)}

    assert allowed == {bus.queue(name).name, *(bus.exchange(producer).name for producer in service(name).follows)}


@pytest.mark.parametrize("name", SERVICES)
def test_permissions_do_not_cover_names_that_only_look_alike(name: str) -> None:
    alike = [f"{PREFIX}x{name}", f"{PREFIX}.{name}.v1.more", f"other.{PREFIX}.{name}", f"{PREFIX}.{name}s", f"{PREFIX}.{name}.v2"]

    assert not [text for pattern in permissions(name).values() for text in alike if pattern.search(text)]


def test_the_gateway_routes_every_service_and_refuses_what_is_internal() -> None:
    routed = re.search(r"location ~ \^/api/\(\?<service>([a-z|]+)\)/ \{\s+proxy_pass http://\$\{service\}-api:8000;", GATEWAY)

    assert routed
    assert routed[1].split("|") == list(SERVICES)
    assert "location ~ ^/(internal|metrics)(/|$) { return 404; }" in GATEWAY
    assert "proxy_set_header X-Request-Id $request_id;" in GATEWAY


def test_every_service_is_migrated_then_run_as_api_and_worker() -> None:
    containers = COMPOSE["services"]

    for name in SERVICES:
        for process in ("migrate", "api", "worker"):
            container = containers[f"{name}-{process}"]
            assert container["command"] == [process, name]
            assert container["image"] == f"duebook/{name}"
            assert container["read_only"] is True
            assert container["cap_drop"] == ["ALL"]
        assert containers[f"{name}-migrate"]["build"] == {"context": ".", "target": "service", "args": {"SERVICE": name}}


def test_a_container_holds_the_passwords_of_its_own_process_only() -> None:
    wanted = {"migrate": ("owner",), "api": ("api", "log"), "worker": ("worker", "log", "broker")}

    for name in SERVICES:
        for process, kinds in wanted.items():
            environment = COMPOSE["services"][f"{name}-{process}"]["environment"]
            used = set(re.findall(r"DUEBOOK_\w+_PASSWORD", json.dumps(list(environment.values()))))
            assert used == {f"DUEBOOK_{name}_{kind}_PASSWORD".upper() for kind in kinds}, (name, process)


def test_every_process_knows_the_address_of_every_service() -> None:
    for name in SERVICES:
        for process in ("api", "worker"):
            peers = dict(
                pair.split("=") for pair in COMPOSE["services"][f"{name}-{process}"]["environment"]["DUEBOOK_PEERS"].split(",")
            )
            assert peers == {peer: f"http://{peer}-api:8000" for peer in SERVICES}


def test_only_the_gateway_and_the_mail_catcher_can_be_reached_and_from_this_machine_alone() -> None:
    published = {name: container["ports"] for name, container in COMPOSE["services"].items() if "ports" in container}

    assert set(published) == {"gateway", "mail"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_no_secret_is_written_into_the_files() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert not re.findall(r"(?:PASSWORD|SECRET): (?!\$\{)", text)
    assert not re.findall(r"://[^:@/\s]+:(?!\$\{)[^@/\s]+@", text)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "deploy/made/"} <= set(ignored)


def test_secrets_are_made_once_for_every_role_and_broker_user_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    script = importlib.util.spec_from_file_location("make_secrets", ROOT / "deploy/make_secrets.py")
    assert script
    assert script.loader
    make_secrets = importlib.util.module_from_spec(script)
    script.loader.exec_module(make_secrets)
    file = tmp_path / ".env"
    file.write_text("DUEBOOK_PORT=9090")

    first = make_secrets.fill(file, make_secrets.names(list(SERVICES)))
    again = make_secrets.fill(file, make_secrets.names(list(SERVICES)))

    assert first == again
    assert first["DUEBOOK_PORT"] == "9090"
    assert {f"DUEBOOK_{name}_{role}_PASSWORD".upper() for name in SERVICES for role in (*ROLES, "broker")} <= set(first)
    assert len(set(first.values())) == len(first)
    assert file.stat().st_mode & 0o777 == 0o600
    needed = set(re.findall(r"\$\{(DUEBOOK_\w+(?:PASSWORD|SECRET))", (ROOT / "docker-compose.yml").read_text()))
    assert needed <= set(first)


def test_the_image_takes_shared_and_one_service() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    copied = [line.split()[1] for line in dockerfile.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert copied == ["pyproject.toml", "console/", "shared/", "services/__init__.py", "services/${SERVICE}/"]
    assert 'RUN test -n "$SERVICE"' in dockerfile
    assert dockerfile.index("USER duebook") < dockerfile.index("AS service")
