"""Whether the agent works, and whether it is ready: for whoever restarts it or waits for it."""

from collections.abc import Callable, Collection

from agent.view import View
from checks.wording import span


def stalled(view: View, now: float, most: float) -> str:
    """Why the agent is not well, if the judge has finished nothing for more than `most` seconds; else empty.

    Nor is it well if nobody is asked to look any more.
    """
    idle = now - max(view.judged, view.started)
    if idle > most:
        return f"the judge has finished nothing for {span(idle)}"
    quiet = now - view.rung if view.rung else 0.0
    return f"no look was asked for in {span(quiet)}" if quiet > max(most, 3 * view.every) else ""


def missing(view: View, places: Callable[[], Collection[str]] | None) -> list[str]:
    """What has to happen before it is ready: one look at each target, whether or not it saw something.

    `places` are those of the configuration; without them only what the View shows can be asked.
    """
    looked = {target.place for target in view.targets.values() if target.looks}
    wanted = set(places()) if places is not None else {target.place for target in view.targets.values()}
    if not wanted and not looked and places is None:
        return ["no target was looked at yet"]
    return [f"{place} was not looked at yet" for place in sorted(wanted - looked)]
