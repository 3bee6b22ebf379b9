"""A simulated cluster in a process of its own: prints its bootstrap servers, then takes the share of groups that commit, a line each."""

import random
import sys
import time

from agent.demo.cluster import SimulatedCluster, estate


def main() -> None:
    topics, partitions, groups, each = (int(word) for word in sys.argv[1:5])
    model = estate(topics=topics, partitions=partitions, groups=groups, topics_per_group=each, lag=0)
    model.clock = time.time
    chosen = random.Random(7)  # noqa: S311 - any groups will do, and the same ones each time
    with SimulatedCluster(model) as cluster:
        print(cluster.bootstrap, flush=True)
        for line in sys.stdin:
            names = sorted(model.groups)
            some = chosen.sample(names, round(len(names) * float(line)))
            with cluster.lock:
                for name in some:
                    committed = model.groups[name].committed
                    for place in list(committed):
                        committed[place] = max(0, committed[place] - 1)
            print("done", flush=True)


if __name__ == "__main__":
    main()
