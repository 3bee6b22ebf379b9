from checks.facts import Unknown, Why
from checks.sqs.encryption_off import encryption_off as check
from tests.checks.examples import Example, judge, only, queue, sqs

FIRING = (Example("switched off", (sqs(queue("orders", sse=False)),)),)
SILENT = (
    Example("the default", (sqs(queue("orders")),)),
    Example("a key of KMS", (sqs(queue("orders", sse=False, kms="alias/orders")),)),
    Example("AWS's key of KMS", (sqs(queue("orders", sse=False, kms="alias/aws/sqs")),)),
)


def test_the_fix_switches_it_on() -> None:
    assert "SqsManagedSseEnabled=true" in only(judge(check, FIRING[0])).fix.command


def test_what_is_not_told_is_a_gap() -> None:
    report = judge(check, Example("an old server", (sqs(queue("orders", sse=Unknown(Why.UNSUPPORTED, "not told"))),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values()] == [Why.UNSUPPORTED]
