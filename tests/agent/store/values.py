"""Any value of the state, and any command, for Hypothesis."""

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from alerts.model import Alert, Delivery, Recent, Setting, Silence, State, TargetState, Thread
from checks.facts import Address

TEXTS = st.text(max_size=8)
"""Names as clients give them: also halves of surrogate pairs and characters that nobody sees."""
NAMES = st.text(st.characters(), min_size=1, max_size=8)
TIMES = st.floats(allow_nan=False, allow_infinity=False)
ADDRESSES = st.builds(
    lambda scheme, target, rest: Address(scheme, target, *rest),
    st.sampled_from(("kafka", "sqs")),
    NAMES,
    st.just(()) | st.tuples(st.sampled_from(("topics", "groups", "queues")), NAMES),
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TIMES | NAMES
_LEAVES: Mapping[object, st.SearchStrategy[Any]] = {
    str: TEXTS | NAMES,
    float: TIMES,
    int: st.integers(0, 2**63),
    bool: st.booleans(),
    object: PLAIN | st.lists(PLAIN, max_size=3).map(tuple),
    timedelta: st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    Address: ADDRESSES,
    types.NoneType: st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Whatever a type of the state allows."""
    if kind in _LEAVES:
        return _LEAVES[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return st.one_of(*map(values, args))
    if origin is tuple and args[1] is ...:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: st.deferred(lambda h=hint: values(h)) for name, hint in hints.items()})  # type: ignore[misc]
    return st.tuples(*map(values, args)).map(tuple)


def _by(kind: type, key: Any) -> st.SearchStrategy[Mapping[Any, Any]]:
    return st.lists(values(kind), max_size=3).map(lambda found: {key(one): one for one in found})


def _whole(state: State) -> State:
    """With what follows from the alerts."""
    opened = {a.fingerprint: a.id for a in state.alerts.values() if not a.phase.closed}
    object.__setattr__(state, "open", opened)
    return state


STATES: st.SearchStrategy[State] = st.builds(
    State,
    alerts=_by(Alert, lambda v: v.id),
    targets=_by(TargetState, lambda v: v.address),
    settings=_by(Setting, lambda v: v.finding.fingerprint),
    recent=_by(Recent, lambda v: v.fingerprint),
    silences=_by(Silence, lambda v: v.id),
    threads=_by(Thread, lambda v: v.id),
    deliveries=_by(Delivery, lambda v: v.id),
    seq=st.integers(0, 2**62),
    digested=st.none() | TIMES,
).map(_whole)
