"""Whose a queue is may stand on the queue itself."""

from dataclasses import replace

from alerts.machine import Tick
from alerts.policy import Route
from checks.check import Kind as CheckKind
from checks.facts import Address
from tests.alerts.scene import finding, report
from tests.alerts.town import POLICY, Town


def test_the_tag_of_a_queue_says_whose_review_its_settings_are_in() -> None:
    mine = (Route(("slack:#pay",), owner="payments"), Route(("slack:#web",), owner="web"))
    town = Town(policy=replace(POLICY, route=Route(("slack:#ops",), routes=mine)))
    setting = finding(Address("sqs", "p", "queues", "orders"), "sqs/retention-default", kind=CheckKind.CONFIGURATION)
    where = setting.fingerprint.address
    town.look(report(0), Tick(), replace(report(30, setting), owners={where: "web"}))
    town.look(replace(report(60, setting), owners={where: "payments"}))
    for event in (Tick(), Tick()):
        town.now += 86400
        town.happen(event)
    assert [thread.destination for thread in town.state.threads.values()] == ["slack:#pay"]
