"""mqcanary health."""

import http.client
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from agent.cli.options import config_option, state_option


@click.command("health")
@config_option
@state_option
@click.option("--timeout", type=float, default=4.0, show_default=True, help="Seconds to wait for the answer.")
def command(*, config: Path | None, state: Path | None, timeout: float) -> None:
    """Say whether the agent of a state directory works: it is asked at /healthz, where it listens itself.

    Light enough to be called every few seconds, as by the image's HEALTHCHECK: a configuration is read only where
    nothing else names the state directory.

    Exit codes: 0 it works; 1 it doesn't, or none is there.
    """
    from agent.errors import MqcanaryError
    from agent.store.place import state_folder, told_url

    url = ""
    try:
        if state is None and config is not None:
            from agent.cli.door import located

            state, _ = located(config, None)
        url = told_url(state_folder(state, None))
        status, said = _asked(url, timeout)
    except MqcanaryError as error:
        said, status = str(error), 0
    except OSError as error:
        said, status = f"{url} does not answer ({error.strerror or error})", 0
    except http.client.HTTPException as error:
        said, status = f"{url} does not answer in HTTP ({type(error).__name__})", 0
    if status != http.HTTPStatus.OK:
        # not 2, as for other mistakes: Docker keeps that for itself
        click.echo(f"mqcanary: {said}", err=True)
        sys.exit(1)
    click.echo(said)


def _asked(url: str, timeout: float) -> tuple[int, str]:
    """The status and the first line of what /healthz answers.

    Raises:
        OSError, HTTPException: it doesn't answer, or not in HTTP.
    """
    place = urlsplit(url)
    link: http.client.HTTPConnection
    if place.scheme == "https":
        import ssl

        # The certificate is for the name by which others come; nothing secret is said, and nobody is between.
        trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 - as above
        link = http.client.HTTPSConnection(place.netloc, timeout=timeout, context=trusting)
    else:
        link = http.client.HTTPConnection(place.netloc, timeout=timeout)
    try:
        link.request("GET", "/healthz")
        answer = link.getresponse()
        return answer.status, answer.read(1000).decode("utf-8", "replace").partition("\n")[0]
    finally:
        link.close()
