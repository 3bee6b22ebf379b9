"""What mqcanary tells about its own work: looks, findings, gaps, alerts, deliveries."""

import platform
from collections import Counter, defaultdict

from agent import VERSION
from agent.metrics.families import (
    ALERTS,
    API_CALLS,
    BROKER_BUDGET,
    BROKER_REQUESTS,
    BROKER_THROTTLED,
    BUILD,
    CONFIG_OK,
    DELIVERIES,
    FAILURES,
    FINDINGS,
    GAPS,
    JUDGED,
    LAST_SUCCESS,
    LOOK_SECONDS,
    LOOKS,
    MISSES,
    OLDEST_DELIVERY,
    OVERRUNS,
    SENT,
    STARTED,
    STATE_SAVED,
    UP,
)
from agent.metrics.text import Family, Lines, series
from agent.view import TargetView, View
from alerts.model import Phase, Progress
from checks.evaluate import Report
from checks.facts import Why


def target_lines(view: TargetView) -> Lines:
    """How the looking at one target goes."""
    target = str(view.address)
    lines = {
        family: [series(family, value, target=target)]
        for family, value in (
            (UP, int(view.up)),
            (LOOK_SECONDS, view.took),
            (LOOKS, view.looks),
            (FAILURES, view.failures),
            (MISSES, view.misses),
            (OVERRUNS, view.overruns),
        )
    }
    if view.good is not None:
        lines[LAST_SUCCESS] = [series(LAST_SUCCESS, view.good.snapshot.at, target=target)]
    return lines


def finding_lines(report: Report) -> Lines:
    found = Counter((f.fingerprint.check, str(f.severity)) for f in report.findings.values())
    target = str(report.target)
    return {
        FINDINGS: [
            series(FINDINGS, count, target=target, check=check, severity=severity)
            for (check, severity), count in sorted(found.items())
        ]
    }


def gap_lines(report: Report) -> Lines:
    found = Counter(gap.unknown.why for gap in report.gaps.values())
    return {GAPS: [series(GAPS, found[why], target=str(report.target), why=why) for why in Why]}


def view_lines(view: View) -> Lines:
    """What speaks of no one target. Closed sets of labels are complete, with zeros."""
    lines: defaultdict[Family, list[str]] = defaultdict(list)
    phases = Counter(alert.phase for alert in view.state.alerts.values())
    lines[ALERTS] = [series(ALERTS, phases[phase], phase=phase) for phase in Phase]
    deliveries = view.state.deliveries.values()
    states = Counter(delivery.progress for delivery in deliveries)
    lines[DELIVERIES] = [series(DELIVERIES, states[state], state=state) for state in Progress]
    if deliveries:
        lines[OLDEST_DELIVERY] = [series(OLDEST_DELIVERY, min(delivery.created for delivery in deliveries))]
    lines[SENT] = [
        series(SENT, count, sink=sink, outcome=outcome) for (sink, outcome), count in sorted(view.delivered.items())
    ]
    lines[API_CALLS] = [
        series(API_CALLS, count, target=target, operation=operation, result=result)
        for (target, operation, result), count in sorted(view.calls.items())
    ]
    lines[BROKER_REQUESTS] = [
        series(BROKER_REQUESTS, count, target=target, broker=broker)
        for (target, broker), count in sorted(view.requests.items())
    ]
    lines[BROKER_THROTTLED] = [
        series(BROKER_THROTTLED, milliseconds / 1000, target=target, broker=broker)
        for (target, broker), milliseconds in sorted(view.throttled.items())
    ]
    lines[BROKER_BUDGET] = [
        series(BROKER_BUDGET, count, target=target) for target, count in sorted(view.budgets.items())
    ]
    lines[CONFIG_OK] = [series(CONFIG_OK, int(view.config_ok))]
    lines[STATE_SAVED] = [series(STATE_SAVED, int(view.saved))]
    lines[JUDGED] = [series(JUDGED, view.judged)] if view.judged else []
    lines[STARTED] = [series(STARTED, view.started)] if view.started else []
    lines[BUILD] = [series(BUILD, 1, version=VERSION, python=platform.python_version())]
    return lines
