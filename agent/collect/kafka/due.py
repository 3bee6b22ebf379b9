"""When what changes seldom is asked for again."""

import random


def due(now: float, every: float) -> float:
    """After `every` seconds, a quarter more or less: not all of it in the same look, nor all clusters at the same moment."""
    return now + every * random.uniform(0.75, 1.25)  # noqa: S311 - nobody's secret
