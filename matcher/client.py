"""A trader's way in: signs with eth-account, talks to a gateway, believes proofs and nothing else.

>>> client = Client("http://127.0.0.1:8000", private_key)              # doctest: +SKIP
>>> placed = client.buy("BTC-26MAR27-100000-C", price=1_500_000, quantity=10)  # doctest: +SKIP
>>> placed["order"]["status"]                                          # doctest: +SKIP
'open'
>>> client.cancel(int(placed["order"]["id"]))                          # doctest: +SKIP

Amounts and prices are integers in atoms, sizes in lots, as everywhere. What the gateway answers is
handed on as it came: dictionaries whose numbers are decimal strings.
"""

import functools
import itertools
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec
from eth_account import Account

from matcher import wire
from matcher.client_errors import (
    ClientError,
    ProofInvalid,
    RequestRefused,
    StreamBroken,
    refusal,
)
from matcher.client_guard import Guard
from matcher.client_stream import BookMirror, Stream
from matcher.eip712 import Domain, Message
from matcher.errors import Reject
from matcher.order_ids import OrderIds
from matcher.proofs import verify_account_proof, verify_word_proof
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    OrderFlag,
    Transfer,
    Withdrawal,
)

__all__ = [
    "BookMirror",
    "Client",
    "ClientError",
    "Guard",
    "ProofInvalid",
    "RequestRefused",
    "Stream",
    "StreamBroken",
]

Answer = dict[str, Any]

ORDER_LIFE: Final = 3600  # seconds, of an order whose expiry is not named
CANCEL_LIFE: Final = 300  # seconds, of a cancel, cancel-all or amend; 600 at most
ID_TRIES: Final = 16  # of an order whose id we choose, when others with the account take it
TRIES: Final = 3  # of one request, when the connection breaks or the node is busy
_SWEEPS: Final = 250  # cancel-alls with expiries of their own, in one second
RETRY_MAX: Final = 5  # seconds between tries, whatever a busy node asks for
_TIME_IS_FRESH: Final = 10.0  # seconds


class Client:
    """One trader and one gateway.

    Parameters
    ----------
    url : str
        Of the gateway, e.g. ``http://127.0.0.1:8000``.
    private_key : str or bytes, optional
        Of the account's owner or of a session key. Without one the client reads only.
    account : int, optional
        The account that is traded. An owner's first account if it is not named; a session key has
        to name it.
    timeout : float
        Seconds per request.

    Notes
    -----
    May be shared by threads. A request that breaks off is sent again with the same signature: the
    exchange accepts a message once.
    """

    def __init__(
        self,
        url: str,
        private_key: str | bytes | None = None,
        account: int | None = None,
        timeout: float = 10.0,
    ):
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url + "/v1", timeout=timeout, verify=_tls())
        self._signer = None if private_key is None else Account.from_key(private_key)
        self._account = account
        self._domain: Domain | None = None
        self._ids = OrderIds()
        self._lock = threading.Lock()
        self._clock: tuple[float, int] | None = None  # (monotonic, exchange time)
        self._sweeps = itertools.count(time.monotonic_ns())  # others with our key begin elsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- who and when -----------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The address that signs, checksummed."""
        if self._signer is None:
            raise ClientError("this client has no private key")
        return str(self._signer.address)

    @property
    def account(self) -> int:
        """The account that is traded."""
        if self._account is None:
            accounts = self.get("/accounts", owner=self.address)["accounts"]
            if not accounts:
                raise ClientError(
                    f"{self.address} owns no account; a session key must name the account"
                )
            self._account = int(accounts[0])
        return self._account

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain, as the gateway states it.

        A wrong one only makes signatures that nobody can use; still, who wants to be sure compares
        it with the deployment.
        """
        if self._domain is None:
            stated = self.get("/domain")["domain"]
            self._domain = Domain(
                int(stated["chainId"]), bytes.fromhex(stated["verifyingContract"][2:])
            )
        return self._domain

    def now(self) -> int:
        """The exchange's time, seconds: asked now and then, else carried on by our own clock."""
        if self._clock is None or time.monotonic() - self._clock[0] > _TIME_IS_FRESH:
            self._clock = (time.monotonic(), int(self.get("/health")["time"]))
        return self._clock[1]

    def sign(self, message: Message) -> str:
        """Sign a message as a wallet does (EIP-712), 65 bytes in hex."""
        if self._signer is None:
            raise ClientError("this client has no private key")
        # The digest is that of `encode_typed_data`, computed three times as fast.
        signed = self._signer.unsafe_sign_hash(self.domain.digest(message))
        return "0x" + bytes(signed.signature).hex()

    # --- orders -----------------------------------------------------------------------------------

    def buy(self, instrument: str, price: int, quantity: int, **options: Any) -> Answer:
        """`place` a buy order."""
        return self.place(instrument, True, price, quantity, **options)

    def sell(self, instrument: str, price: int, quantity: int, **options: Any) -> Answer:
        """`place` a sell order."""
        return self.place(instrument, False, price, quantity, **options)

    def place(
        self,
        instrument: str,
        buy: bool,
        price: int,
        quantity: int,
        *,
        flags: OrderFlag | int = 0,
        expiry: int | None = None,
        order_id: int | None = None,
        self_trade: str = "cancelNewest",
    ) -> Answer:
        """Sign an order and send it.

        Parameters
        ----------
        instrument : str
            Symbol.
        buy : bool
        price : int
            Atoms per lot, a multiple of the market's tick value.
        quantity : int
            Lots.
        flags : OrderFlag
            ``POST_ONLY``, ``IOC``, ``FOK``, ``REDUCE_ONLY``.
        expiry : int, optional
            Seconds since the epoch; an hour from now if it is not named.
        order_id : int, optional
            Chosen if it is not named: the lowest free slot and its next generation.
        self_trade : str
            ``cancelNewest`` or ``cancelOldest``.

        Returns
        -------
        dict
            ``order`` (its state), ``fills``, ``duplicate``.

        Raises
        ------
        RequestRefused
        """
        chosen = order_id is None
        for attempt in range(ID_TRIES):
            number = self._take_id(attempt) if order_id is None else order_id
            order = Order(
                account=self.account,
                instrument=instrument,
                buy=buy,
                price=price,
                quantity=quantity,
                id=number,
                expiry=self.now() + ORDER_LIFE if expiry is None else expiry,
                flags=int(flags),
            )
            still_open = True  # as long as nobody has said otherwise
            try:
                answer, resent = self._send_order(order, self.sign(order), self_trade)
                still_open = answer["order"]["status"] == "open"
                if not (chosen and answer["duplicate"] and not resent):
                    return answer
                # The very same order of another program with this account: it is not ours.
                self._forget_ids()
            except RequestRefused as refused:
                still_open = False
                if not self._may_try_again(refused, attempt, chosen, expiry is None):
                    raise
            finally:
                self._answered(number, still_open)
        raise ClientError(f"{ID_TRIES} order ids in a row were taken by others")

    def _may_try_again(
        self, refused: RequestRefused, attempt: int, chose_id: bool, chose_expiry: bool
    ) -> bool:
        """Whether the refusal is about something that we chose ourselves and can choose better."""
        if chose_id and refused.code in (Reject.STALE_ID, Reject.SLOT_BUSY, Reject.ID_USED):
            self._forget_ids()
            return attempt < ID_TRIES - 1
        if chose_expiry and attempt >= TRIES - 1:
            return False
        if chose_expiry and refused.code in (Reject.EXPIRED, Reject.OUT_OF_RANGE):
            stale = refused.field.endswith("expiry") and self._clock is not None
            self._clock = None
            return stale
        return False

    def send_order(self, order: Order, signature: str, self_trade: str = "cancelNewest") -> Answer:
        """Send an order that is signed already; sent twice it is accepted once."""
        return self._send_order(order, signature, self_trade)[0]

    def _send_order(self, order: Order, signature: str, self_trade: str) -> tuple[Answer, bool]:
        """The answer, and whether the order may have arrived before an earlier try broke off."""
        body = {"order": wire.terms(order), "signature": signature, "selfTrade": self_trade}
        return self._request("POST", "/orders", **_json(body))

    def place_many(self, orders: list[Order]) -> list[Answer]:
        """Sign several orders and send them in one request, at most `wire.MAX_ORDERS`.

        Returns
        -------
        list of dict
            One per order, in their order: as `place` returns, or ``{"error": ...}``.
        """
        body = {"orders": [{"order": wire.terms(o), "signature": self.sign(o)} for o in orders]}
        results: list[Answer] = self._post("/orders/batch", body)["results"]
        return results

    def next_order_ids(self, count: int) -> list[int]:
        """Free order ids, for orders that are built by hand."""
        return [self._take_id() for _ in range(count)]

    def _take_id(self, refused: int = 0) -> int:
        """A free id; ``refused`` counts those that were taken by others just now."""
        with self._lock:
            if self._ids.outdated:
                self._ids.load(self.get(f"/accounts/{self.account}/slots")["slots"])
            # One refusal says that our knowledge was old; more say that others are quick.
            return self._ids.take(secrets.randbelow(1 << min(max(refused - 1, 0), 8)))

    def _forget_ids(self) -> None:
        with self._lock:
            self._ids.forget()

    def _answered(self, order_id: int, still_open: bool) -> None:
        with self._lock:
            self._ids.answered(order_id, still_open)

    def cancel(self, order_id: int) -> Answer:
        """Cancel an open order; its state."""
        answer, _ = self._signed_now(
            "/orders/cancel", "cancel", lambda expiry: CancelTerms(self.account, order_id, expiry)
        )
        self._answered(order_id, False)
        return answer

    def cancel_all(self, instrument: str = "") -> Answer:
        """Cancel all open orders of the account, or all in one instrument."""
        for sweep in itertools.islice(self._sweeps, ID_TRIES):

            def build(expiry: int, later: int = sweep % _SWEEPS) -> CancelAllTerms:
                # Two with one expiry are one message, which is obeyed once.
                return CancelAllTerms(self.account, instrument, expiry + later)

            answer, resent = self._signed_now("/orders/cancel-all", "cancelAll", build)
            if resent or not answer["duplicate"]:
                break
        else:
            raise ClientError(f"{ID_TRIES} cancel-alls in a row had been sent by others")
        for canceled in answer["canceled"]:
            self._answered(int(canceled["id"]), False)
        return answer

    def guard(self, timeout: int = 30, instrument: str = "") -> Guard:
        """Have the account's orders (of one instrument, or all) canceled when this process dies,
        or is silent for ``timeout`` seconds, 1 to 300; it renews itself in a thread until closed.
        """

        def build(life: int) -> tuple[CancelAllTerms, str]:
            life -= next(self._sweeps) % 40  # else it may be one that was obeyed a moment ago
            message = CancelAllTerms(self.account, instrument, self.now() + life)
            return message, self.sign(message)

        return Guard(self.url, build, self.now, timeout)

    def amend(self, order_id: int, quantity: int) -> Answer:
        """Lower the whole quantity of an open order; it keeps its place in the queue."""
        return self._signed_now(
            "/orders/amend",
            "amend",
            lambda expiry: AmendTerms(self.account, order_id, quantity, expiry),
        )[0]

    def _signed_now(
        self, route: str, name: str, build: Callable[[int], Message]
    ) -> tuple[Answer, bool]:
        """Sign and send a message that lives for a few minutes; once more if our clock was off."""
        for attempt in range(TRIES):
            message = build(self.now() + CANCEL_LIFE)
            body = {name: wire.terms(message), "signature": self.sign(message)}
            try:
                return self._request("POST", route, **_json(body))
            except RequestRefused as refused:
                if not self._may_try_again(refused, attempt, False, True):
                    raise
        raise AssertionError("the last attempt returns or raises")

    # --- money ------------------------------------------------------------------------------------

    def withdraw(self, amount: int, expiry: int | None = None) -> Answer:
        """Let atoms out of the exchange; claimed at the Vault once the batch is final."""
        message = Withdrawal(self.account, amount, self._take_id(), self._until(expiry))
        return self._once("/withdrawals", "withdrawal", message)

    def transfer(self, target: int, amount: int, expiry: int | None = None) -> Answer:
        """Move atoms to another account of the exchange."""
        message = Transfer(self.account, target, amount, self._take_id(), self._until(expiry))
        return self._once("/transfers", "transfer", message)

    def _until(self, expiry: int | None) -> int:
        return self.now() + ORDER_LIFE if expiry is None else expiry

    def _once(self, route: str, name: str, message: Withdrawal | Transfer) -> Answer:
        try:
            return self._post(route, {name: wire.terms(message), "signature": self.sign(message)})
        finally:
            self._answered(message.id, False)

    # --- reading ----------------------------------------------------------------------------------

    def status(self) -> Answer:
        """Time, journal sequence, state hash, batches pending and final."""
        return self.get("/status")

    def instruments(self) -> list[Answer]:
        """All instruments."""
        found: list[Answer] = self.get("/instruments")["instruments"]
        return found

    def book(self, instrument: str, depth: int = 50) -> Answer:
        """Bids and asks, ``[price, lots, orders]`` each, best first."""
        return self.get(f"/book/{instrument}", depth=depth)

    def trades(self, instrument: str, limit: int = 100) -> list[Answer]:
        """The newest trades of an instrument."""
        found: list[Answer] = self.get(f"/trades/{instrument}", limit=limit)["trades"]
        return found

    def balances(self) -> Answer:
        """Cash, positions, what is free, and the counters of the chain."""
        return self.get(f"/accounts/{self.account}")

    def open_orders(self) -> list[Answer]:
        """Open orders of the account, oldest first."""
        found: list[Answer] = self.get(f"/accounts/{self.account}/orders")["orders"]
        return found

    def order(self, order_id: int) -> Answer:
        """State of one order."""
        return self.get(f"/accounts/{self.account}/orders/{order_id}")

    def fills(self, limit: int = 100) -> list[Answer]:
        """The newest fills of the account, with the orders that both sides signed."""
        found: list[Answer] = self.get(f"/accounts/{self.account}/fills", limit=limit)["fills"]
        return found

    def account_proof(self, batch: int | str = "final", verify: bool = True) -> Answer:
        """The account's leaf in a batch, with its path to the state root: what ``claim`` takes.

        Parameters
        ----------
        batch : int or str
            An id, ``final`` or ``latest``.
        verify : bool
            Compute the root from the leaf and the hash from the header before believing them. That
            this header is the one on chain is for ``BatchRegistry.statusOf`` to say.

        Raises
        ------
        ProofInvalid
        """
        proof = self.get(f"/accounts/{self.account}/proof", batch=batch)
        if verify:
            verify_account_proof(proof)
        return proof

    def fill_proof(self, number: int, verify: bool = True) -> Answer:
        """The op word of a fill, with its path to the batch's root of all words."""
        proof = self.get(f"/fills/{number}/proof")
        if verify:
            verify_word_proof(proof)
        return proof

    # --- the wire ---------------------------------------------------------------------------------

    def get(self, route: str, **query: Any) -> Answer:
        """GET below ``/v1``; the answer's JSON."""
        return self._request("GET", route, params=query)[0]

    def _post(self, route: str, body: Mapping[str, Any]) -> Answer:
        return self._request("POST", route, **_json(body))[0]

    def _request(self, method: str, route: str, **options: Any) -> tuple[Answer, bool]:
        """The answer, and whether an earlier try broke off without one."""
        broken = False
        for attempt in range(TRIES):
            try:
                response = self._http.request(method, route, **options)
            except httpx.TransportError:
                if attempt == TRIES - 1:
                    raise
                broken = True
                continue
            if response.is_success:
                answer: Answer = msgspec.json.decode(response.content)
                return answer, broken
            refused = refusal(response)
            if refused.code not in (Reject.BUSY, Reject.DURING_BATCH) or attempt == TRIES - 1:
                raise refused
            time.sleep(retry_seconds(response.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")

    def subscribe(self, *channels: tuple[str, str | int]) -> "Stream":
        """Open a WebSocket and subscribe: ``("book", symbol)``, ``("trades", symbol)``,
        ``("account", index)``.
        """
        return Stream(self.url, channels)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the system's certificates takes longer than a request."""
    return httpx.create_ssl_context()


def _json(body: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON body as httpx takes it."""
    return {
        "content": msgspec.json.encode(body),
        "headers": {"content-type": "application/json"},
    }


def retry_seconds(header: str | None) -> int:
    """Seconds to wait by a Retry-After header; 1 if it says none, at most `RETRY_MAX`."""
    if header is None or not (header.isascii() and header.isdigit()):
        return 1
    return RETRY_MAX if len(header) > 4 else min(int(header), RETRY_MAX)
