"""Requests about batches, and the proofs that hold on chain."""

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from matcher import wire
from matcher.batch import BLOB, Batch, padded
from matcher.blobs.encoding import BLOB_ELEMENTS, ELEMENT_BYTES, Sidecar, element_and_proof
from matcher.errors import ProtocolError, Reject, WireError
from matcher.gateway.answers import Json, hexed
from matcher.gateway.context import Context
from matcher.gateway.faults import JSON, Refused
from matcher.gateway.requests import answer, page, query
from matcher.merkle import Path, keccak, levels_of, path_in
from matcher.types import CHUNK_WORDS, U40, U64

EMPTY_LEAF = [bytes(32), bytes(32)]  # what the Vault takes for an account that nothing happened to


class Batches:
    """Batches, words, order files, proofs.

    Parameters
    ----------
    context : Context

    Notes
    -----
    Headers and words are read from the archive, because that is what gets committed (a batch that
    waited too long is dated anew there). It checks them against each other, in a thread.
    """

    def __init__(self, context: Context):
        self._context = context

    async def batches(self, request: Request) -> Response:
        """``GET /v1/batches?limit=&before=``."""
        limit, before = page(query(request, "limit", "before"))
        found = self._context.feed.batches(limit, before)
        return answer({"batches": [self._context.answers.batch(summary) for summary in found]})

    async def batch(self, request: Request) -> Response:
        """``GET /v1/batches/{batch}``."""
        query(request)
        batch = await self._read(_batch_id(request.path_params))
        return answer(self._context.answers.batch_with_header(batch))

    async def words(self, request: Request) -> Response:
        """``GET /v1/batches/{batch}/words``."""
        query(request)
        batch = await self._read(_batch_id(request.path_params))
        return answer({"batch": str(batch.id), "words": [hexed(w) for w in batch.word_list()]})

    async def orders(self, request: Request) -> Response:
        """``GET /v1/batches/{batch}/orders``: the file byte for byte, since its hash counts."""
        query(request)
        batch = await self._read(_batch_id(request.path_params))
        return Response(batch.order_file, media_type=JSON)

    async def word_proof(self, request: Request) -> Response:
        """``GET /v1/batches/{batch}/words/{index}/proof``."""
        query(request)
        batch_id = _batch_id(request.path_params)
        index = wire.number(request.path_params["index"], "index", 0, (1 << 21) - 1)
        return answer(await self._prove_word(batch_id, index))

    async def fill_proof(self, request: Request) -> Response:
        """``GET /v1/fills/{fill}/proof``."""
        query(request)
        number = wire.number(request.path_params["fill"], "fill", 1, U64)
        fill = self._context.feed.fill(number)
        if fill is None:
            raise Refused(
                Reject.FILL_UNKNOWN, "fill", str(number), "a fill that is not too long ago"
            )
        if fill.batch is None or fill.index is None:
            raise Refused(
                Reject.NOT_BATCHED, "fill", str(number), "a fill that stands in a closed batch"
            )
        proof = await self._prove_word(fill.batch, fill.index)
        return answer({"fill": str(number)} | proof)

    async def account_proof(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/proof?batch=final|latest|<id>``."""
        chosen = query(request, "batch").get("batch", "final")
        index = wire.account_index(request.path_params["account"], "account")
        self._context.answers.require_account(index)
        batch_id = self._choose(chosen)
        batch = await self._read(batch_id)
        try:
            leaf, path = await self._context.sequencer.account_proof(batch_id, index)
        except ProtocolError as error:
            known = self._context.sequencer.provable()
            raise Refused(
                Reject.BATCH_UNKNOWN, "batch", str(batch_id), f"{known.start} to {known.stop - 1}"
            ) from error
        return answer(
            {
                "account": str(index),
                **self._bound(batch),
                "leaf": [hexed(word) for word in leaf or EMPTY_LEAF],
                "path": _path(path),
            }
        )

    # --- parts ------------------------------------------------------------------------------------

    def _choose(self, chosen: str) -> int:
        if chosen == "final":
            return self._context.chain.latest_final()
        if chosen == "latest":
            newest = self._context.feed.batches(1)
            return newest[0].id if newest else 0
        if not chosen.isdecimal():
            raise WireError("batch", wire.describe(chosen), "final, latest, or the id of a batch")
        return wire.number(chosen, "batch", 0, U40)

    async def _read(self, batch_id: int) -> Batch:
        if batch_id == 0:
            return Batch(self._context.genesis, b"", b"")
        try:
            return await asyncio.to_thread(self._context.archive.read, batch_id)
        except KeyError as error:
            newest = self._context.feed.batches(1)
            last = newest[0].id if newest else 0
            raise Refused(
                Reject.BATCH_UNKNOWN, "batch", str(batch_id), f"a closed batch, 0 to {last}"
            ) from error

    async def _prove_word(self, batch_id: int, index: int) -> Json:
        batch = await self._read(batch_id)
        count = batch.chunk_count * CHUNK_WORDS
        if index >= count:
            raise WireError("index", str(index), f"below {count}", Reject.OUT_OF_RANGE)
        shows = _blob_opening if batch.mode == BLOB else _word_path
        return {
            **self._bound(batch),
            "index": str(index),
            "word": hexed(batch.word(index)),
            **await asyncio.to_thread(shows, batch, index),
        }

    def _bound(self, batch: Batch) -> Json:
        """The header that a proof leads to, and where it stands on the chain."""
        return {
            "batch": str(batch.id),
            "batchHash": hexed(keccak(batch.header)),
            "status": self._context.chain.place(batch.id).stage.value,
            "header": self._context.answers.header(batch.header),
        }


def _batch_id(parameters: Mapping[str, str]) -> int:
    return wire.number(parameters["batch"], "batch", 0, U40)


def _word_path(batch: Batch, index: int) -> Json:
    return {"path": _path(path_in(levels_of(padded(batch.words)), index))}


def _blob_opening(batch: Batch, index: int) -> Json:
    """In blob mode there is no tree over words: a word is an element, opened by a KZG proof."""
    sidecar = Sidecar.of(batch.words)
    number, element = divmod(index, BLOB_ELEMENTS)
    opening = element_and_proof(sidecar.blobs[number], element)
    return {
        "blob": {
            "hashes": [hexed(each) for each in sidecar.hashes],
            "commitment": hexed(sidecar.commitments[number]),
            "proof": hexed(opening[ELEMENT_BYTES:]),
        }
    }


def _path(path: Path) -> Json:
    return {
        "present": str(path.present),
        "siblings": [hexed(sibling) for sibling in path.siblings],
    }
