"""A trader's dead man's switch: while it lives the orders stand, when it dies they are canceled."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from matcher import wire
from matcher.client_errors import RequestRefused, StreamBroken
from matcher.types import CancelAllTerms

Answer = dict[str, Any]

MESSAGE_LIFE: Final = 540  # seconds, of a cancel-all that is left with the gateway; 600 at most
MESSAGE_REST: Final = 90  # seconds beside the timeout that must be left of it to renew with it
RENEWALS: Final = 3  # within one timeout
PATIENCE: Final = 10.0  # seconds for an answer of the gateway


class Guard:
    """Leaves a signed cancel-all with the gateway, and renews it as long as this process lives.

    The gateway obeys it when this WebSocket session ends, also by ``kill -9`` or a cable that is
    pulled, or when no renewal came within the timeout. `close` ends the session and lets the orders
    stand. As a context manager it does so too, but where the block raises it lets the switch fire.

    Parameters
    ----------
    url : str
        Of the gateway.
    build : callable
        From the life of a message in seconds: a cancel-all and its signature.
    now : callable
        The exchange's time, seconds.
    timeout : int
        Seconds, 1 to 300.

    Attributes
    ----------
    fired : dict or None
        What the gateway said when the switch fired or lapsed while the session stood.

    Raises
    ------
    RequestRefused
        If the gateway does not arm it.
    """

    def __init__(
        self,
        url: str,
        build: Callable[[int], tuple[CancelAllTerms, str]],
        now: Callable[[], int],
        timeout: int,
    ):
        self.fired: Answer | None = None
        self._build = build
        self._now = now
        self._timeout = timeout
        self._failure: Exception | None = None
        self._disarmed = threading.Event()
        self._ended = threading.Event()
        address = "ws" + url.removeprefix("http") + "/v1/ws"
        self._socket: ClientConnection = connect(address, max_size=None)
        try:
            self._message = build(MESSAGE_LIFE)
            self._arm(timeout)
            self._take(self._socket.recv(PATIENCE))
            if self._failure is not None:
                raise self._failure
        except BaseException:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._renew, name="guard", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.fire()

    def check(self) -> None:
        """Raise `StreamBroken` or `RequestRefused` if the orders are guarded no longer."""
        if self._failure is not None:
            raise self._failure

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the guard has ended, by itself or not; False if it still stands by then."""
        return self._ended.wait(seconds)

    def close(self) -> None:
        """Disarm, and let the orders stand.

        Raises
        ------
        StreamBroken
            If that was not heard: the orders may have been canceled.
        """
        try:
            if not self._ended.is_set():
                self._arm(0)
                self._disarmed.wait(PATIENCE)
        except ConnectionClosed as closed:
            raise StreamBroken(f"not disarmed: {closed}") from closed
        finally:
            self._end()
        if not self._disarmed.is_set():
            raise StreamBroken(f"not disarmed: {self._failure or 'no answer'}")

    def fire(self) -> None:
        """End the session with the switch armed: the gateway cancels."""
        self._end()

    def _end(self) -> None:
        self._socket.close()
        self._thread.join()

    def _arm(self, timeout: int) -> None:
        terms, signature = self._message
        message = {
            "op": "arm",
            "cancelAll": wire.terms(terms),
            "signature": signature,
            "timeout": str(timeout),
        }
        self._socket.send(msgspec.json.encode(message).decode())

    def _renew(self) -> None:
        """Hear what the gateway says, and renew whenever it was silent for a while."""
        try:
            while not self._disarmed.is_set() and self._failure is None:
                try:
                    self._take(self._socket.recv(self._timeout / RENEWALS))
                except TimeoutError:
                    if self._message[0].expiry < self._now() + self._timeout + MESSAGE_REST:
                        self._message = self._build(MESSAGE_LIFE)
                    self._arm(self._timeout)
        except ConnectionClosed as closed:
            self._failure = StreamBroken(f"closed by the gateway: {closed}")
        except Exception as error:
            self._failure = error
            self._socket.close()
        finally:
            self._ended.set()

    def _take(self, text: str | bytes) -> None:
        message: Answer = msgspec.json.decode(text)
        match message["type"]:
            case "error":
                self._failure = RequestRefused(0, message["error"])
            case "disarmed":
                self._disarmed.set()
            case "fired" | "lapsed":
                self.fired = message
                self._failure = StreamBroken(f"the switch has {message['type']}")
