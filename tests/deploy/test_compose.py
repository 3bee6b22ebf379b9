"""The Compose file, by its published schema (compose-spec.json: compose-spec/compose-spec, schema/, 170098ba, Apache-2.0)."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from agent.config import load

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
FILE = DEPLOY / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]


def mounts(service: str) -> dict[Path, str]:
    """Folders of this repository, by where the service sees them."""
    parts = (volume.split(":") for volume in SERVICES[service].get("volumes", ()))
    return {DEPLOY / source: target for source, target, *_ in parts if source.startswith(".")}


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    return found


def test_it_is_what_the_published_schema_takes() -> None:
    told = jsonschema.Draft7Validator(schema())
    told.validate(yaml.safe_load(FILE.read_text()))
    assert not told.is_valid({"services": {"kafka": {"image": "x", "colour": "red"}}})


def test_what_is_mounted_is_there_and_volumes_are_declared() -> None:
    assert all(folder.is_dir() for service in SERVICES for folder in mounts(service))
    named = {v.partition(":")[0] for one in SERVICES.values() for v in one.get("volumes", ()) if v[0] != "."}
    assert named == set(yaml.safe_load(FILE.read_text())["volumes"])
    assert (DEPLOY / SERVICES["mqcanary"]["build"] / "Dockerfile").is_file()


def test_nothing_is_published_beyond_this_machine() -> None:
    assert [
        port for one in SERVICES.values() for port in one.get("ports", ()) if not port.startswith("127.0.0.1:")
    ] == []


def test_the_configuration_loads_and_names_the_services() -> None:
    (folder,) = mounts("mqcanary")
    config = load(folder / "mqcanary.yaml")
    ((host, port),) = config.kafka[0].bootstrap
    assert f"INSIDE://{host}:{port}" in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert config.sqs[0].endpoint_url == "http://sqs:5000"
    assert SERVICES["sqs"]["ports"] == ["127.0.0.1:5000:5000"]


def test_the_listeners_of_kafka_fit_together() -> None:
    told = SERVICES["kafka"]["environment"]
    listeners = {name.partition(":")[0] for name in told["KAFKA_LISTENERS"].split(",")}
    assert {pair.partition(":")[0] for pair in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")} == listeners
    assert {name.partition(":")[0] for name in told["KAFKA_ADVERTISED_LISTENERS"].split(",")} == listeners - {
        "CONTROLLER"
    }


def test_prometheus_scrapes_mqcanary(program: Callable[[str, str], str]) -> None:
    (folder,) = mounts("prometheus")
    (job,) = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target == "mqcanary:9188"
    assert SERVICES["mqcanary"]["ports"] == ["127.0.0.1:9188:9188"]
    check = [program("promtool", "prometheus"), "check", "config", str(folder / "prometheus.yml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
