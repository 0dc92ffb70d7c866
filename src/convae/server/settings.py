"""The settings of a server: its address and its limits."""

import ipaddress
from dataclasses import dataclass, field

from convae.errors import InputError

MIB = 2**20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server answers, and how much it accepts.

    Attributes:
        host, port: the address to listen on; port 0 takes a free one.
        token: what clients must send as ``Authorization: Bearer TOKEN``; None asks for none.
        allowed_hosts: further names that a request may address, such as that of a reverse proxy.
        max_body: largest request body in bytes.
        max_pixels: largest height times width of an image.
        max_images: largest number of images in one tar file.
        queue: largest number of requests that are received, waiting and computed at one time.
        held: largest number of bytes of all request bodies that are held at one time.
        body_seconds: time within which a request body must arrive.
        wait_seconds: time that a request may wait before it is computed.
        drain_seconds: time that requests get to finish when the server stops.
        watch_seconds: time between two looks at the model files.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    max_body: int = 32 * MIB
    max_pixels: int = 25_000_000
    max_images: int = 256
    queue: int = 64
    held: int = 256 * MIB
    body_seconds: float = 30.0
    wait_seconds: float = 60.0
    drain_seconds: float = 7.0
    watch_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Check the address and the token.

        Raises:
            InputError: the address can be reached from other machines and there is no token, or the token
                is too short to protect anything or cannot be sent in a header.
        """
        if self.token is not None and not _sendable(self.token):
            raise InputError(
                "--token must be 8 or more letters, digits and other visible characters of ASCII, without "
                "spaces"
            )
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host} can be reached from other machines: give a --token that clients must "
                "send, or leave --host out to serve this machine only"
            )

    @property
    def hosts(self) -> frozenset[str]:
        """The names and addresses that a request may be addressed to, in lower case."""
        own = () if is_wildcard(self.host) else (self.host.strip("[]"),)
        return frozenset(name.lower() for name in (*LOOPBACK, *own, *self.allowed_hosts))


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Return whether an address stands for all addresses of the machine.

    >>> is_wildcard("0.0.0.0"), is_wildcard("192.168.1.5")
    (True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def _sendable(token: str) -> bool:
    return len(token) >= 8 and all(33 <= ord(character) < 127 for character in token)
