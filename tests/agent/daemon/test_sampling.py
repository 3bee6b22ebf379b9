"""An agent samples what its file names, once, and a restart does not spend the hour's budget again."""

import time
from pathlib import Path

from agent.demo.cluster import SimulatedCluster, Writing
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration

FETCH = 1
LOOKS = "mqcanary_target_looks_total"


def test_a_restart_spends_nothing_and_nothing_but_counts_and_hashes_is_kept(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    topic = cluster.model.topics["orders"]
    topic.writing = Writing(key=lambda _, offset: b"customer-4711" if offset % 2 else None, body=b"a secret body")
    topic.partitions[0].append(3000, time.time() - 60)
    target = {
        "name": "prod",
        "bootstrap": cluster.bootstrap,
        "sample": {"topics": ["orders", "ordres*"], "budget": "100kB"},
    }
    said = b""
    for _ in range(2):
        with Agent(tmp_path, configuration(kafka=[target])) as agent:
            agent.start()
            agent.wait_metric(lambda value: value >= 3, LOOKS)
            assert agent.stop() == 0
        said += "\n".join([*agent.output, *agent.told]).encode()
    assert said.count(b"nothing to sample") == 2, "a line of each life"
    salt = (agent.state / "salt").read_bytes()
    kept = [path for path in agent.state.rglob("*") if path.is_file()]
    assert len(cluster.asked(FETCH)) == 1
    assert {row["topic"] for request in cluster.asked(FETCH) for row in request.fields["topics"]} == {"orders"}
    assert len([path for path in kept if path.parent.name == "samples"]) == 1
    held = [said, *(path.read_bytes() for path in kept if path.name != "salt")]
    for secret in (b"customer-4711", b"a secret body", salt, salt.hex().encode()):
        assert not any(secret in text for text in held)
