"""A simulated cluster in a process of its own: prints its bootstrap servers, then takes the share of groups that read on, a line each."""

import sys
import time

from agent.demo.cluster import Config, SimulatedCluster, estate
from bench.collection.change import some


def main() -> None:
    topics, partitions, groups, each = (int(word) for word in sys.argv[1:5])
    model = estate(topics=topics, partitions=partitions, groups=groups, topics_per_group=each, lag=0)
    model.clock = time.time
    model.topic_defaults["min.insync.replicas"] = Config("2")  # or each topic is a finding
    reads = {name: sorted(group.committed.topics) for name, group in model.groups.items()}
    with SimulatedCluster(model) as cluster:
        print(cluster.bootstrap, flush=True)
        for turn, line in enumerate(sys.stdin):
            names, written = some(reads, float(line), turn)
            with cluster.lock:
                for topic in written:
                    for partition in model.topics[topic].partitions:
                        partition.append(1, time.time())
                for name in names:
                    committed = model.groups[name].committed
                    for topic in set(reads[name]) & written:
                        for number, partition in enumerate(model.topics[topic].partitions):
                            committed[topic, number] = partition.log_end
            print("done", flush=True)


if __name__ == "__main__":
    main()
