"""Facts in, report out: what can be known, the rules that judge it, and what they say.

A check is one file in `checks/kafka`, `checks/sqs` or `checks/fifo`; putting it there is all it takes.
"""

import pkgutil
from functools import cache
from importlib import import_module

from checks.check import Check

FAMILIES = ("kafka", "sqs", "fifo")


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check there is, by id."""
    found: list[Check] = []
    for family in FAMILIES:
        package = import_module(f"checks.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            members = vars(import_module(f"{package.__name__}.{module.name}")).values()
            found += [member for member in members if isinstance(member, Check)]
    return tuple(sorted(found, key=lambda check: check.id))
