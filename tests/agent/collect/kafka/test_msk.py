"""Tokens for Amazon MSK: the signature is computed here once more, by the words of AWS Signature Version 4."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials

from agent.collect.kafka import msk
from agent.collect.kafka.cause import Cause
from agent.collect.kafka.msk import MskIam, presigned
from agent.collect.kafka.rights import RIGHTS, msk_policy
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.collect.kafka.tokens import Kept
from agent.doctor.kafka import _grant
from agent.errors import ConfigError, ConnectError
from tests.live.sqs import ACCOUNT, SqsServer

ROLE = f"arn:aws:iam::{ACCOUNT}:role/canary"
MODULE = "sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required"


def unpacked(token: str) -> dict[str, str]:
    url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    fields = {name: value[0] for name, value in parse_qs(url.query, strict_parsing=True).items()}
    return {"host": url.netloc, "path": url.path, "scheme": url.scheme, **fields}


def signature(told: dict[str, str], secret: str) -> str:
    """AWS Signature Version 4 of a presigned GET without a body."""
    fields = {name: told[name] for name in sorted(told) if name == "Action" or name.startswith("X-Amz-")}
    del fields["X-Amz-Signature"]
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in fields.items())
    request = f"GET\n/\n{query}\nhost:{told['host']}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    scope = told["X-Amz-Credential"].partition("/")[2]
    text = f"AWS4-HMAC-SHA256\n{told['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


@pytest.mark.parametrize("session", [None, "tok/en+=="])
@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1"])
def test_signature_expiry_and_region(region: str, session: str | None) -> None:
    told = unpacked(presigned(region, ReadOnlyCredentials("AKID", "s3cr/t", session)))
    assert (told["scheme"], told["host"], told["path"]) == ("https", f"kafka.{region}.amazonaws.com", "/")
    assert (told["Action"], told["X-Amz-Expires"]) == ("kafka-cluster:Connect", "900")
    at = datetime.strptime(told["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert told["X-Amz-Credential"] == f"AKID/{at:%Y%m%d}/{region}/kafka-cluster/aws4_request"
    assert told.get("X-Amz-Security-Token") == session
    assert told["X-Amz-Signature"] == signature(told, "s3cr/t")
    assert told["User-Agent"] == "mqcanary"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr/t")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def test_own_credentials_and_renewal(own: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    tokens = MskIam("eu-central-1", kept=Kept(lambda: now[0]))
    first = tokens.token(5.0)
    assert unpacked(first)["X-Amz-Credential"].startswith("AKID/")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID2")
    now[0] = 299.0
    assert tokens.token(5.0) == first
    now[0] = 300.0
    assert unpacked(tokens.token(5.0))["X-Amz-Credential"].startswith("AKID2/"), "long before its 15 minutes are over"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID3")
    tokens.forget()
    assert unpacked(tokens.token(5.0))["X-Amz-Credential"].startswith("AKID3/"), "as a broker refused it"


def test_an_assumed_role(own: None, aws: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    given: list[ReadOnlyCredentials] = []
    monkeypatch.setattr(msk, "presigned", lambda region, keys: given.append(keys) or presigned(region, keys))
    told = unpacked(MskIam("eu-central-1", role_arn=ROLE, external_id="whom").token(20.0))
    assert told["X-Amz-Credential"].startswith("ASIA"), "keys for an hour, not ours"
    assert told["X-Amz-Security-Token"] == given[0].token
    assert told["X-Amz-Signature"] == signature(told, given[0].secret_key)


def test_what_is_not_there_is_one_line(own: None, aws: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(tokens: MskIam, cause: Cause) -> str:
        with pytest.raises(ConnectError) as caught:
            tokens.token(1.0)
        assert caught.value.cause == cause
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no usable AWS credentials" in refused(MskIam("eu-central-1", profile="nobody"), Cause.TOKEN_REFUSED)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert f"the role {ROLE}: " in refused(MskIam("eu-central-1", role_arn=ROLE), Cause.TOKEN_UNAVAILABLE)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="AWS_MSK_IAM finds no AWS credentials"):
        MskIam("eu-central-1").token(5.0)


def test_to_a_broker_it_is_oauthbearer(own: None) -> None:
    security = Security(protocol=Protocol.SASL_SSL, mechanism=Mechanism.AWS_MSK_IAM, tokens=MskIam("eu-central-1"))
    assert security.sasl_options()["sasl_mechanism"] == "OAUTHBEARER"
    with pytest.raises(ConfigError, match="SASL_PLAINTEXT is not for AWS_MSK_IAM: set SASL_SSL"):
        Security(protocol=Protocol.SASL_PLAINTEXT, mechanism=Mechanism.AWS_MSK_IAM, tokens=MskIam("eu-central-1"))


# ── client.properties ──


def test_java_s_properties_tell_the_region_by_the_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = "software.amazon.msk.auth.iam.IAM"
    for mechanism, server, callback in (
        ("AWS_MSK_IAM", "b-1.x.abc.c2.kafka.eu-west-1.amazonaws.com:9098", f"client.callback.handler.class={handler}"),
        (
            "OAUTHBEARER",
            "boot-x.c1.kafka-serverless.eu-west-1.amazonaws.com:9098",
            f"login.callback.handler.class={handler}",
        ),
    ):
        head = f"security.protocol=SASL_SSL\nsasl.mechanism={mechanism}\nbootstrap.servers={server}\nsasl.{callback}\n"
        read = Security.from_properties(f"{head}{MODULE} awsRoleArn='{ROLE}' awsProfileName=p;")
        assert read.security.mechanism is Mechanism.AWS_MSK_IAM
        assert read.security.tokens == MskIam("eu-west-1", "p", ROLE)
        assert read.ignored == ()
    elsewhere = f"security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\nbootstrap.servers=k:1\n{MODULE};"
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(ConfigError, match="has no region, and no name of a broker tells it: set AWS_REGION"):
        Security.from_properties(elsewhere)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert Security.from_properties(elsewhere).security.tokens == MskIam("eu-west-3")


# ── rights ──


def test_rights_are_actions_of_iam() -> None:
    cluster = next(one for one in msk_policy()["Statement"] if one["Resource"].endswith(":cluster/CLUSTER/UUID"))
    assert cluster["Action"][:2] == ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"]
    every = {action for one in msk_policy()["Statement"] for action in one["Action"]}
    assert every == {"kafka-cluster:Connect", *(f"kafka-cluster:{one.iam}" for one in RIGHTS if not one.extra)}
    security = Security(protocol=Protocol.SASL_SSL, mechanism=Mechanism.AWS_MSK_IAM, tokens=MskIam("cn-north-1"))
    assert json.loads(_grant(security)(RIGHTS[0], "orders-", True)) == {
        "Effect": "Allow",
        "Action": ["kafka-cluster:DescribeTopic"],
        "Resource": "arn:aws-cn:kafka:cn-north-1:123456789012:topic/CLUSTER/UUID/orders-*",
    }
