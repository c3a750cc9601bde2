"""One look at one target."""

import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

USER_AGENT = "nyxmon/1.0"


@dataclass(frozen=True)
class Outcome:
    """What one check found."""

    ok: bool
    message: str
    seconds: float


def run_check(url: str, timeout: float = 10.0) -> Outcome:
    """Check an ``http(s)://`` address for an answer below 400, a ``tcp://host:port`` for an open port."""
    started = time.monotonic()
    try:
        scheme = urlsplit(url).scheme
        if scheme in ("http", "https"):
            message = _http(url, timeout)
        elif scheme == "tcp":
            message = _tcp(url, timeout)
        else:
            return Outcome(False, f"unknown kind of address: {scheme or url!r}", 0.0)
        return Outcome(True, message, time.monotonic() - started)
    except urllib.error.HTTPError as error:
        return Outcome(False, f"HTTP {error.code}", time.monotonic() - started)
    except (OSError, ValueError) as error:
        # URLError and every socket error are OSErrors; ValueError is an address that cannot be read.
        return Outcome(False, str(error), time.monotonic() - started)


def _http(url: str, timeout: float) -> str:
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310 (scheme checked above)
        return f"HTTP {response.status}"


def _tcp(url: str, timeout: float) -> str:
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError(f"tcp address needs a host and a port: {url!r}")
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout):
        return "port open"
