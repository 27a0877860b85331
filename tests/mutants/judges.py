"""Faults of MARGIN and UNAUTHORIZED: what is opened against what, and when a question is whose."""

from tests.mutants.mutant import Mutant

MARGIN = "provers/MarginProver.sol"
UNAUTHORIZED = "provers/UnauthorizedProver.sol"
MARGINS = ("tests/unit/contracts/test_prover_margin.py",)
ANSWERS = ("tests/unit/contracts/test_prover_unauthorized.py", "-k", "not blobs")
QUESTIONS = ("tests/unit/contracts/test_prover_questions.py",)

MUTANTS = (
    Mutant(
        "judges: an account before the chunk is taken from after it",
        MARGIN,
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk - 1);",
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk);",
        MARGINS,
    ),
    Mutant(
        "judges: the first chunk follows from its own batch",
        MARGIN,
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk - 1);",
        "root = chunk == 0 ? header.stateRoot : body.root(reader, chunk - 1);",
        MARGINS,
    ),
    Mutant(
        "judges: an ended batch is asked about",
        UNAUTHORIZED,
        "status == BatchStatus.Committed, BatchNotOpen(header.info.id(), uint8(status))",
        "status != BatchStatus.Unknown, BatchNotOpen(header.info.id(), uint8(status))",
        QUESTIONS,
    ),
    Mutant(
        "judges: a batch that fell is answered for",
        UNAUTHORIZED,
        "        _requireCommitted(header);\n        OpWord word = found.word;",
        "        OpWord word = found.word;",
        QUESTIONS,
    ),
    Mutant(
        "judges: a bond is sent before it is noted",
        UNAUTHORIZED,
        "        found.state = QuestionState.Reclaimed;\n\n"
        "        emit QuestionReclaimed(question, asker);\n"
        "        asker.forceSafeTransferETH(questionBond);",
        "        emit QuestionReclaimed(question, asker);\n"
        "        asker.forceSafeTransferETH(questionBond);\n"
        "        found.state = QuestionState.Reclaimed;",
        QUESTIONS,
    ),
    Mutant(
        "judges: who refuses ether stops the answer",
        UNAUTHORIZED,
        "msg.sender.forceSafeTransferETH(questionBond);",
        "msg.sender.safeTransferETH(questionBond);",
        QUESTIONS,
    ),
    Mutant(
        "judges: both sides are one question",
        UNAUTHORIZED,
        "return keccak256(abi.encode(batchHash, chunk, place, side));",
        "return keccak256(abi.encode(batchHash, chunk, place, side * 0));",
        QUESTIONS,
    ),
    Mutant(
        "judges: all batches are one",
        UNAUTHORIZED,
        "return keccak256(abi.encode(batchHash, chunk, place, side));",
        "return keccak256(abi.encode(batchHash >> 256, chunk, place, side));",
        QUESTIONS,
    ),
    Mutant(
        "judges: a generation is cut to 32 bits",
        UNAUTHORIZED,
        "uint40 expected = uint40(order.id / _ORDER_SLOTS);",
        "uint40 expected = uint32(order.id / _ORDER_SLOTS);",
        ANSWERS,
    ),
    Mutant(
        "judges: the neighbor's slot",
        UNAUTHORIZED,
        "uint64 slot = uint64(word >> 64 * (3 - order.id % 4));",
        "uint64 slot = uint64(word >> 64 * (order.id % 4));",
        ANSWERS,
    ),
    Mutant(
        "judges: the slot before the chunk",
        UNAUTHORIZED,
        "_requireFilled(reader, body.root(reader, chunk), order);",
        "_requireFilled(reader, body.root(reader, chunk == 0 ? 0 : chunk - 1), order);",
        ANSWERS,
    ),
    Mutant(
        "judges: any encoding is the native one",
        UNAUTHORIZED,
        "require(encoding == NativeOrder.ENCODING, EncodingUnknown(encoding));",
        "",
        ANSWERS,
    ),
)
