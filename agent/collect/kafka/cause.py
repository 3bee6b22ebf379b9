"""Why one does not get into a cluster, one short word each."""

from enum import StrEnum


class Cause(StrEnum):
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    CLOSED = "closed"
    NOT_KAFKA = "not-kafka"
    UNSUPPORTED_BROKER = "unsupported-broker"
    TLS_EXPECTED = "tls-expected"
    TLS_NOT_OFFERED = "tls-not-offered"
    TLS_FAILED = "tls-failed"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    CERTIFICATE_HOSTNAME = "certificate-hostname"
    CLIENT_CERTIFICATE_REQUIRED = "client-certificate-required"
    CLIENT_CERTIFICATE_REFUSED = "client-certificate-refused"
    SASL_REQUIRED = "sasl-required"
    SASL_NOT_OFFERED = "sasl-not-offered"
    MECHANISM_UNSUPPORTED = "mechanism-unsupported"
    WRONG_CREDENTIALS = "wrong-credentials"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a cause
    TOKEN_UNAVAILABLE = "token-unavailable"  # noqa: S105 - as above
