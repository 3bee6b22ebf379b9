"""Clients of one set of credentials, and what they have in common."""

import ssl
import threading
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any

from agent.collect.aws.direct import Direct
from agent.collect.targets import Calls

_LOADING = threading.Lock()
_PAGE = 1000
_SERVICES = ("sqs", "sts", "tagging", "oidc", "portal.sso")
"""Those called here and for credentials, as botocore's list of endpoints names them; of others it would take the common form."""


class Session:
    """`role` is the ARN of a role that is assumed, `external_id` what its owner wants to hear.

    Raises what botocore raises: it has no common ancestor for profiles, regions and endpoints.
    """

    def __init__(self, session: Any, endpoint: str | None, threads: int, deadline: float, calls: Calls) -> None:
        from botocore.config import Config  # noqa: PLC0415 - slow to load

        self.calls = calls
        self._session = session
        self._clients: dict[str, Any] = {}
        self._endpoint = endpoint
        self._timeouts = (min(3.0, deadline), min(10.0, deadline / 3))  # others wait behind a call that hangs
        self._config = Config(
            retries={"mode": "standard", "max_attempts": 2},
            connect_timeout=self._timeouts[0],
            read_timeout=self._timeouts[1],
            max_pool_connections=threads,
            user_agent="mqcanary",
        )
        self._idle: deque[Direct] = deque(maxlen=threads)
        self._roundabout: set[str] = set()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            with _LOADING:  # several at once would each read what they share
                client = self._session.client(service, endpoint_url=self._endpoint, config=self._config)
            events, name = client.meta.events, client.meta.service_model.service_id.hyphenize()
            events.register(f"after-call.{name}", self._answered)
            events.register(f"after-call-error.{name}", self._failed)
            self._clients[service] = client
        return self._clients[service]

    @property
    def method(self) -> str:
        """Where botocore has the credentials from: env, shared-credentials-file, assume-role, iam-role, ..."""
        credentials = self._session.get_credentials()
        return "nobody" if credentials is None else str(credentials.method)

    def credentials(self) -> Any:
        """The frozen ones of botocore, as they are at the moment; None where there are none. Raises what botocore raises."""
        found = self._session.get_credentials()
        return None if found is None else found.get_frozen_credentials()

    def attributes(self, url: str) -> Mapping[str, str]:
        """All attributes of a queue. Raises what botocore raises."""
        if url not in self._roundabout and (link := self._link()) is not None:
            found = link.attributes(url)
            self._idle.append(link)
            if found is not None:
                self.calls.add("GetQueueAttributes", "ok")
                return found
            self._roundabout.add(url)  # until botocore has had an answer
        told: Mapping[str, str] = (
            self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
        )
        self._roundabout.discard(url)
        return told

    def queues(self, prefix: str) -> list[str]:
        """The addresses of all queues whose names begin so. Raises what botocore raises."""
        if (link := self._link()) is not None:
            found = link.queues(prefix, _PAGE)
            self._idle.append(link)
            if found is not None:
                for _ in found:
                    self.calls.add("ListQueues", "ok")
                return [url for page in found for url in page]
        pages = self.client("sqs").get_paginator("list_queues")
        told = pages.paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": _PAGE})
        return [url for page in told for url in page.get("QueueUrls", ())]

    def _link(self) -> Direct | None:
        """One that no other thread has; None where a proxy stands between, which botocore knows how to speak with."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        client, credentials = self.client("sqs"), self._session.get_credentials()
        url: str = client.meta.endpoint_url
        if credentials is None or _proxies(url):
            return None
        context = _trusted(self._session._session.get_config_variable("ca_bundle")) if url.startswith("https") else None  # noqa: SLF001 - boto3 doesn't tell
        return Direct(url, client.meta.region_name, credentials.get_frozen_credentials, context, self._timeouts)

    def _answered(self, http_response: Any, parsed: Any, model: Any, **_: object) -> None:
        said = parsed.get("Error", {}).get("Code") or f"HTTP {http_response.status_code}"
        self.calls.add(model.name, "ok" if http_response.status_code < 300 else str(said))
        # What a captive network or a proxy answers would pass for an account without queues. A refusal speaks for itself,
        # in whatever form it comes.
        if http_response.status_code < 300 and "html" in http_response.headers.get("content-type", ""):
            raise OSError("a web page was answered: a proxy, or not AWS")

    def _failed(self, exception: Exception, event_name: str, **_: object) -> None:
        self.calls.add(event_name.rpartition(".")[2], type(exception).__name__)


def opened(
    region: str,
    profile: str | None,
    role: str | None,
    external_id: str | None,
    endpoint: str | None,
    threads: int,
    deadline: float,
    calls: Calls,
) -> Session:
    """A session as the user's own credentials, or as `role`."""
    own = Session(_boto(region, profile=profile), endpoint, threads, deadline, calls)
    if role is None:
        return own
    extra = {} if external_id is None else {"ExternalId": external_id}
    keys = own.client("sts").assume_role(RoleArn=role, RoleSessionName="mqcanary", **extra)["Credentials"]
    names = {"key": keys["AccessKeyId"], "secret": keys["SecretAccessKey"], "token": keys["SessionToken"]}
    return Session(_boto(region, **names), endpoint, threads, deadline, calls)


def _boto(
    region: str,
    *,
    profile: str | None = None,
    key: str | None = None,
    secret: str | None = None,
    token: str | None = None,
) -> Any:
    import boto3  # noqa: PLC0415 - slow to load
    import botocore.session  # noqa: PLC0415

    core = botocore.session.Session()
    # What botocore knows of AWS is 8 MB for each session that reads it by itself.
    with _LOADING:
        core.register_component("data_loader", _loader())
    return boto3.Session(key, secret, token, region, core, profile)


@cache
def _loader() -> Any:
    import botocore.session  # noqa: PLC0415

    loader = botocore.session.Session().get_component("data_loader")
    # It hands out what it has read once. Where every service of AWS is takes 5 MB of it, and few are ever called.
    for partition in loader.load_data("endpoints")["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in _SERVICES if name in services}
    return loader


@cache
def _trusted(bundle: str | None) -> ssl.SSLContext:
    """Whom botocore trusts."""
    from botocore.httpsession import get_cert_path  # noqa: PLC0415

    return ssl.create_default_context(cafile=bundle or get_cert_path(verify=True))


def _proxies(url: str) -> Mapping[str, str]:
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    found: Mapping[str, str] = get_environ_proxies(url)
    return found
