"""What every listener does with answers and tokens."""

import hmac

from flask import Response

from agent.secret import Secret

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def hardened(answer: Response) -> Response:
    answer.headers.update(_HEADERS)
    return answer


def same(given: str | None, wanted: Secret) -> bool:
    """Compares in constant time.

    Raises:
        ConfigError: what is wanted can't be read.
    """
    return hmac.compare_digest((given or "").encode(errors="surrogatepass"), wanted.reveal().encode())
