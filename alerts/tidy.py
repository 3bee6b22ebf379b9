"""What may be forgotten: closed alerts and threads that nothing more will be said about, so that tables stay small."""

from dataclasses import replace

from alerts.model import Alert, State, Subject, Thread
from alerts.policy import Policy


def tidy(state: State, now: float, policy: Policy) -> State:
    """The state without what is over, told, and older than `keep_closed`."""
    before = now - policy.keep_closed
    waiting = {d.thread for d in state.deliveries.values()}
    spoken = {id_ for t in state.threads.values() if t.id in waiting for id_ in t.alerts}
    alerts = {id_: a for id_, a in state.alerts.items() if id_ in spoken or not _over(a, before)}
    threads: dict[str, Thread] = {}
    for thread in state.threads.values():
        left = tuple(id_ for id_ in thread.alerts if id_ in alerts)
        lives = left and thread.subject is not Subject.ENDED
        if lives or thread.id in waiting or thread.created >= before:
            forgotten = len(thread.alerts) - len(left)
            threads[thread.id] = replace(thread, alerts=left, closed=thread.closed + forgotten) if forgotten else thread
    if len(alerts) == len(state.alerts) and threads == state.threads:
        return state
    return replace(state, alerts=alerts, threads=threads)


def _over(alert: Alert, before: float) -> bool:
    return alert.ended is not None and alert.ended < before
