"""`--sample` and `--sample-budget`: what is read of which topics, and what is said where that is nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent import snapshot as files
from agent.cli import cli
from agent.demo.cluster import SimulatedCluster, Writing, brokers
from checks.facts import KafkaSnapshot, Sample, Unknown


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """A topic whose 3,000 records lie in batches of 1,000."""
    model = brokers(2)
    model.clock = time.time
    topic = model.add_topic("orders", 1, 2)
    topic.writing = Writing(key=lambda _, offset: str(offset).encode(), batch=1000, body=b"x" * 250)
    topic.partitions[0].append(3000, time.time() - 60)
    with SimulatedCluster(model) as running:
        yield running


def audit(cluster: SimulatedCluster, *words: str) -> Result:
    return CliRunner().invoke(cli, ["audit", "--kafka", cluster.bootstrap, "--fail-on", "never", *words])


def test_what_the_audit_says_of_a_small_sample_closes_the_gap(cluster: SimulatedCluster, tmp_path: Path) -> None:
    words = ("--sample", "orders", "--only", "kafka/uncompressed", "--save", str(tmp_path / "seen"))
    first = audit(cluster, *words, "--sample-budget", "300kB")
    assert "1 batch with 1,000 records in its sample" in " ".join(first.stdout.split())
    assert "--sample-budget 2MB" in first.stdout
    assert "kafka/uncompressed" in audit(cluster, *words, "--sample-budget", "2MB").stdout.partition("Could not be")[0]
    (seen,) = files.load(tmp_path / "seen")
    assert isinstance(seen, KafkaSnapshot)
    assert not isinstance(seen.samples, Unknown)
    sample = seen.samples["orders"]
    assert isinstance(sample, Sample)
    assert (sample.budget, sample.whole, sample.records) == (2_000_000, True, 3000)


def test_a_glob_that_is_the_name_of_no_topic_is_said_in_one_line(cluster: SimulatedCluster) -> None:
    done = audit(cluster, "--sample", "ordres*", "--sample", "o*", "--samples", "2", "--every", "0s")
    assert done.exit_code == 0
    assert done.stderr == (
        "mqcanary: nothing to sample is called 'ordres*': did you mean orders? Else let its topic be looked at: "
        "DESCRIBE on it; --include, --exclude, topics: of the file\n"
    )
    assert audit(cluster, "--sample", "orders").stderr == ""
    assert "nothing to sample is called orders" in audit(cluster, "--sample", "orders", "--exclude", "o*").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sample-budget", "2MB"), "--sample-budget says how much of each sampled topic is read: add --sample GLOB"),
        (("--sample", "*", "--sample-budget", "2"), '--sample-budget: "2" is not a size; write 500kB or 10MB'),
        (
            ("--sample", "*", "--sample-budget", "1GB"),
            '--sample-budget: "1GB" is no budget: it is 100kB to 64MB for each topic and hour; write 1MB',
        ),
    ],
)
def test_a_budget_that_means_nothing_is_refused(cluster: SimulatedCluster, words: tuple[str, ...], said: str) -> None:
    done = audit(cluster, *words)
    assert str(done.exception) == said
    assert not list(cluster.requests)
