"""Tokens for the IAM access control of Amazon MSK: an address of its own, presigned for kafka-cluster:Connect, as base64.

botocore signs; a package for this would be the same few lines, and takes a new session for every token.
"""

import base64
from dataclasses import dataclass, field
from typing import Any, Final

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.tokens import Kept
from agent.errors import ConfigError, ConnectError
from agent.secret import Secret
from checks.facts import Why

_LIFE: Final = 900
"""Seconds that MSK takes a token for, at most."""
_USED: Final = 360.0
"""Seconds that one is used for: it is worth no longer than the credentials, which botocore renews ten minutes before their end."""


@dataclass(frozen=True, slots=True)
class MskIam:
    """Tokens by the AWS credentials of this machine, or as `role_arn`, whose owner may want to hear `external_id`."""

    region: str
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)

    @property
    def origin(self) -> str:
        who = (
            f"role {self.role_arn}"
            if self.role_arn
            else f"profile {self.profile}"
            if self.profile
            else "own credentials"
        )
        return f"AWS in {self.region} ({who})"

    @property
    def mend(self) -> str:
        return "allow kafka-cluster:Connect on the cluster, and see that it is in this region, with IAM access control"

    def token(self, seconds: float) -> str:
        return self.kept.get(lambda: (self._signed(seconds), _USED))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return ()  # botocore has them

    def forget(self) -> None:
        self.kept.forget()

    def _signed(self, seconds: float) -> str:
        from agent.collect.aws.rights import ASSUME_ROLE  # noqa: PLC0415 - as above
        from agent.collect.aws.session import opened  # noqa: PLC0415 - loads boto3
        from agent.collect.aws.sqs import reason  # noqa: PLC0415 - as above
        from agent.collect.targets import Calls  # noqa: PLC0415 - as above

        try:
            session = opened(self.region, self.profile, self.role_arn, self.external_id, None, 1, seconds, Calls())
            found = session.credentials()
        except Exception as error:  # noqa: BLE001 - botocore has no common ancestor for profiles, regions and endpoints
            role = self.role_arn
            told = reason(error, f"the role {role}" if role else self.origin, ASSUME_ROLE.on(role) if role else "")
            cause = Cause.TOKEN_REFUSED if told.why is Why.DENIED else Cause.TOKEN_UNAVAILABLE
            raise ConnectError(told.detail, told.close or "check region, profile and role_arn", cause=cause) from None
        if found is None:
            raise ConfigError("AWS_MSK_IAM finds no AWS credentials: give them as the AWS command line wants them")
        return presigned(self.region, found)


def presigned(region: str, credentials: Any) -> str:
    """`credentials` are botocore's frozen ones."""
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 - as above
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - as above

    request = AWSRequest("GET", f"https://kafka.{region}.amazonaws.com/", params={"Action": "kafka-cluster:Connect"})
    SigV4QueryAuth(credentials, "kafka-cluster", region, expires=_LIFE).add_auth(request)
    url = f"{request.url}&User-Agent=mqcanary"  # MSK wants one; it is not signed
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
