"""Prometheus' own tools: its linter has nothing to say, and a real server scrapes what is served."""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.metrics import Exposition, Options, exposition
from agent.metrics.families import FAMILIES
from agent.metrics.text import CONTENT_TYPE
from agent.view import View
from alerts.model import Delivery, Op, State
from checks.check import Severity
from checks.facts import KafkaSnapshot, SqsSnapshot, Unknown, Why
from tests.agent.metrics.test_exposition import HOSTILE, finding
from tests.agent.metrics.views import report_of, target, view
from tests.checks.examples import AT, disk, group, kafka, member, queue, sqs, topic


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: install the package prometheus")
    return found


def looks() -> list[KafkaSnapshot]:
    names = [*HOSTILE, "app", "a\udc80"]
    return [
        kafka(
            [topic("orders", 2, topic_id="t1"), topic("mails", topic_id="t2")],
            [group(name, [member("m", {"orders": (0,)})]) for name in names],
            committed={name: {("orders", 0): 90} for name in names},
            ends={("orders", 0): 80 + 20 * k, ("orders", 1): 100 + 3 * k},
            waits={("orders", 0, 90): (20.0, 20.0)},
            storage={"1": disk(sizes={("orders", 0): 9, ("mails", 0): 7}), "2": disk(sizes={("orders", 1): 8})},
            at=AT + 30 * (k - 2),
        )
        for k in range(3)
    ]


def seen() -> View:
    """With names of every kind."""
    polls = looks()
    cluster = target(*polls, report=report_of(polls[-1], finding("kafka/a", "app", Severity.CRITICAL)))
    queues = target(sqs(queue("jobs", redrive="jobs-dlq"), *(queue(name) for name in ("jobs-dlq", *HOSTILE))))
    return view(cluster, queues, **OWN)


OWN: dict[str, Any] = {
    "state": State(deliveries={"1": Delivery("1", 1, "t", "slack", Op.POST, (), (), AT)}),
    "calls": {("kafka://prod", "ListOffsets", "ok"): 1},
    "requests": {("kafka://prod", "k1:9092"): 12},
    "throttled": {("kafka://prod", "k1:9092"): 1500},
    "budgets": {"kafka://prod": 500},
    "delivered": {("slack", "delivered"): 5},
}


def everything() -> Exposition:
    """Every family, with names of every kind; of each kind of thing one that could be seen a look ago."""
    before = seen()
    (cluster, queues) = (before.targets[address] for address in sorted(before.targets, key=str))
    now, depths = cluster.snapshot, queues.snapshot
    assert isinstance(now, KafkaSnapshot)
    assert isinstance(depths, SqsSnapshot)
    away = Unknown(Why.UNREACHABLE, "no broker answers")
    now = replace(
        now,
        at=AT + 30,
        groups=replace(now.groups, items={**now.groups.items, "app": away}),
        topics=replace(now.topics, items={**now.topics.items, "mails": away}),
    )
    depths = replace(depths, at=AT + 30, queues=replace(depths.queues, items={**depths.queues.items, "jobs": away}))
    after = view(target(*looks(), now, report=cluster.report), target(depths), **OWN)
    options = Options(partitions="all")
    return exposition(after, AT + 30, options, exposition(before, AT, options))


def test_the_sample_has_every_family() -> None:
    text = everything().text.decode()
    assert [family.name for family in FAMILIES if f"# TYPE {family.name} " not in text] == []


def test_promtool_is_silent() -> None:
    run = subprocess.run(
        [program("promtool"), "check", "metrics"], input=everything().text, capture_output=True, check=False, timeout=60
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


@contextmanager
def served(made: Exposition) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(made.compressed)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[str]:
    """A real server that scrapes `port` each second; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "canary", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{own}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{own}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def asked(base: str, query: str) -> list[dict[str, Any]]:
    url = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - 127.0.0.1
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []  # not up yet


def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    program("prometheus")
    with served(everything()) as port, prometheus(tmp_path, port) as base:
        end = time.monotonic() + 40
        while not (found := asked(base, "mqcanary_group_lag_records")) and time.monotonic() < end:
            time.sleep(0.1)  # polling another process
        log = (tmp_path / "log").read_text()
        assert {one["metric"]["group"] for one in found} == {*HOSTILE, "app", "a\ufffdDC80"}, log
        assert {one["value"][1] for one in found} == {"30"}
        (up,) = asked(base, 'up{job="canary"}')
        assert up["value"][1] == "1"
        (lost,) = asked(base, "scrape_samples_scraped - scrape_samples_post_metric_relabeling")
        assert lost["value"][1] == "0"
