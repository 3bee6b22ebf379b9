"""Which regions AWS is known to have."""

import os
from functools import cache

from agent.config.reading import quoted
from checks.wording import meant


def unknown_region(region: str) -> str:
    """What is wrong with a region that is to be asked at AWS's own address; empty where nothing is.

    A region that does not exist has no address: nobody would answer until every deadline is over.
    """
    if os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL") or region in _regions():
        return ""
    guess = meant(region, _regions(), quoted) or "write one as us-east-1."
    return f"{quoted(region)} is no region that AWS is known to have; {guess} One that is newer needs its endpoint_url"


@cache
def _regions() -> tuple[str, ...]:
    from botocore.loaders import create_loader  # noqa: PLC0415 - slow to load

    found = create_loader().load_data("partitions")["partitions"]
    return tuple(name for part in found for name in part["regions"] if not name.endswith("-global"))
