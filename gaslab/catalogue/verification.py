"""Compute outside, verify on chain: roots, proofs, signatures, results that may be challenged."""

from random import Random

from eth_abi.abi import encode

from gaslab.bench import Bench
from gaslab.catalogue.driving import refused
from gaslab.catalogue.headers import LAB, words_of
from gaslab.catalogue.trees import (
    keccak,
    levels,
    multiproof,
    ordered_pair,
    proof,
    sorted_pair,
    words,
)
from gaslab.environment import key_of
from gaslab.experiment import Experiment, Technique, Variant

_DAY = 86_400


# --- a root and a proof ---------------------------------------------------------------------------


def _root_and_proof(bench: Bench, n: int) -> None:
    random = Random("root-and-proof")
    accounts = [random.randbytes(20) for _ in range(n)]
    amounts = [random.randrange(10**18, 10**20) for _ in range(n)]
    leaves = [
        keccak(words(i, int.from_bytes(account, "big"), amount))
        for i, (account, amount) in enumerate(zip(accounts, amounts, strict=True))
    ]
    tree = levels(leaves, sorted_pair)
    chosen = n // 3

    contract = bench.deploy()
    if bench.variant.name == "stored":
        bench.measure("commit", accounts, amounts)
        claim: tuple[object, ...] = (accounts[chosen],)
        false: tuple[object, ...] = (bytes(20),)
    else:
        bench.measure("commit", tree[-1][0])
        if bench.variant.name == "recomputed":
            claim = (chosen, accounts, amounts)
            false = (chosen, accounts, [amount + 1 for amount in amounts])
        else:
            path = proof(tree, chosen)
            claim = (chosen, accounts[chosen], amounts[chosen], path)
            false = (chosen, accounts[chosen], amounts[chosen] + 1, path)
    bench.expect("a false claim is refused", refused(contract, "claim", *false), True)
    claimed = bench.measure("claim", *claim)
    bench.observe("logs", contract.logs(claimed))
    bench.expect("paid", bench.read("paid", accounts[chosen]), amounts[chosen])
    bench.expect("a second claim is refused", refused(contract, "claim", *claim), True)


ROOT_AND_PROOF = Experiment(
    id="root-and-proof",
    title="A root, and proofs of what it binds",
    techniques=(Technique.OFF_CHAIN, Technique.BLOAT),
    question="n accounts are owed something and one of them claims: what must the chain keep?",
    source=LAB / "RootAndProof.sol",
    variants=(
        Variant("stored", "DueInStorage", "Every amount in a slot."),
        Variant(
            "recomputed",
            "DueByRecomputation",
            "A root; the claim brings all leaves, and the chain builds the tree again.",
            differs="the chain keeps a root, not the amounts",
        ),
        Variant(
            "proof",
            "DueByProof",
            "A root; the claim brings its siblings.",
            differs="the chain keeps a root, not the amounts",
        ),
    ),
    sizes=(1, 2, 4, 16, 64),
    unit="account",
    drive=_root_and_proof,
    **words_of(LAB / "RootAndProof.sol"),
    layout=("DueInStorage", "DueByProof"),
)


# --- a result that may be challenged --------------------------------------------------------------


def _optimistic(bench: Bench, n: int) -> None:
    random = Random("optimistic")
    entries = [
        (random.choice((-1, 1)) * random.randrange(1, 1000), random.randrange(40_000, 60_000))
        for _ in range(n)
    ]
    price = 51_234
    profit = sum(lots * (price - opened) for lots, opened in entries)

    contract = bench.deploy()
    if bench.variant.name == "eager":
        final = bench.measure("settle", entries, price)
    else:
        inputs = keccak(encode(["(int64,uint64)[]", "uint256"], [entries, price]))
        honest = bench.variant.name == "optimistic"
        bench.measure("propose", inputs, profit if honest else profit + 1)
        if honest:
            held = refused(contract, "challenge", entries, price)
            bench.expect("a true result stands", held, True)
        else:
            bench.measure("challenge", entries, price, sender=1)
        bench.expect("none is final at once", refused(contract, "finalize"), True)
        bench.environment.travel(_DAY)
        final = bench.measure("finalize")
    bench.expect("result", bench.read("result"), profit)
    bench.observe("logs", contract.logs(final))


OPTIMISTIC = Experiment(
    id="optimistic",
    title="Compute now, or only if someone objects",
    techniques=(Technique.OFF_CHAIN,),
    question="What does a result cost that nobody computes unless it is challenged?",
    source=LAB / "OptimisticResult.sol",
    variants=(
        Variant("eager", "ResultEager", "The chain computes the result."),
        Variant(
            "optimistic",
            "ResultOptimistic",
            "Proposed, and final after a day: nobody objects.",
            differs="the result comes a day later, and stands on somebody watching",
            exempt=frozenset({"a true result stands", "none is final at once"}),
        ),
        Variant(
            "challenged",
            "ResultOptimistic",
            "Proposed falsely, challenged by computing it, and final after a day.",
            differs="the result comes a day later, and stands on somebody watching",
            exempt=frozenset({"none is final at once"}),
        ),
    ),
    sizes=(1, 4, 16, 64, 256),
    unit="position",
    drive=_optimistic,
    **words_of(LAB / "OptimisticResult.sol"),
)


# --- Merkle proofs --------------------------------------------------------------------------------


def _multiproof(bench: Bench, n: int) -> None:
    random = Random("multiproof")
    amounts = [random.randrange(10**18, 10**19) for _ in range(256)]
    tree = levels([keccak(keccak(words(i, amounts[i]))) for i in range(256)], sorted_pair)
    # Half of them neighbors, half anywhere, as when an account claims what it holds.
    near = set(range(96, 96 + n // 2))
    rest = random.sample([i for i in range(256) if i not in near], n - len(near))
    chosen = sorted(near | set(rest))
    dues = [(i, amounts[i]) for i in chosen]
    false = [(chosen[0], amounts[chosen[0]] + 1), *dues[1:]]

    contract = bench.deploy(tree[-1][0])
    siblings, flags = multiproof(tree, chosen)
    evidence: tuple[object, ...]
    if bench.variant.name == "separate":
        evidence = ([proof(tree, i) for i in chosen],)
    elif bench.variant.name == "flag-bits":
        bits = sum(1 << i for i, flag in enumerate(flags) if flag)
        count = -(-len(flags) // 256)
        evidence = (siblings, [bits >> 256 * i & 2**256 - 1 for i in range(count)])
    else:
        evidence = (siblings, flags)
    bench.expect("a false claim is refused", refused(contract, "claim", false, *evidence), True)
    bench.measure("claim", dues, *evidence)
    bench.expect("claimed", bench.read("claimed"), sum(1 << i for i in chosen))
    bench.expect("paid", bench.read("paid"), sum(amounts[i] for i in chosen))


MULTIPROOF = Experiment(
    id="multiproof",
    title="One proof for many leaves",
    techniques=(Technique.OFF_CHAIN, Technique.BATCHING),
    question="n of 256 leaves are shown in one transaction: n proofs or one?",
    source=LAB / "MerkleMany.sol",
    variants=(
        Variant("separate", "MerkleManySeparate", "A proof for each leaf."),
        Variant("openzeppelin", "MerkleManyAtOnce", "One multiproof, OpenZeppelin."),
        Variant("solady", "MerkleManyInAssembly", "One multiproof, solady."),
        Variant("flag-bits", "MerkleManyFlagBits", "One multiproof, its flags as bits of words."),
    ),
    sizes=(1, 2, 4, 16, 64),
    unit="leaf",
    drive=_multiproof,
    **words_of(LAB / "MerkleMany.sol"),
)


def _merkle_proof(bench: Bench, n: int) -> None:
    random = Random("merkle-proof")
    node = leaf = random.randbytes(32)
    siblings = [random.randbytes(32) for _ in range(n)]
    for sibling in siblings:
        node = sorted_pair(node, sibling)
    contract = bench.deploy()
    measurement = bench.measure("verify", node, leaf, siblings)
    bench.expect("verified", contract.decode("verify", measurement.output), True)
    bench.expect("a false root is", bench.read("verify", leaf, leaf, siblings), False)


MERKLE_PROOF = Experiment(
    id="merkle-proof",
    title="Hashing up a Merkle proof",
    techniques=(Technique.SCRATCH, Technique.OFF_CHAIN),
    question="What does each level of a Merkle proof cost, by who wrote the loop?",
    source=LAB / "MerkleProofLevels.sol",
    variants=(
        Variant("encoded", "MerkleProofEncoded", "abi.encodePacked allocates for each node."),
        Variant("memory", "MerkleProofMemory", "OpenZeppelin, the proof copied to memory."),
        Variant("calldata", "MerkleProofCalldata", "OpenZeppelin, the proof left in calldata."),
        Variant("assembly", "MerkleProofAssembly", "solady."),
    ),
    sizes=(1, 8, 16, 32),
    unit="level",
    drive=_merkle_proof,
    **words_of(LAB / "MerkleProofLevels.sol"),
)


def _merkle_root(bench: Bench, n: int) -> None:
    random = Random("merkle-root")
    given = [random.randbytes(32) for _ in range(n)]
    bench.deploy()
    bench.measure("commit", given)
    bench.expect("root", bench.read("root"), levels(given, ordered_pair)[-1][0])


MERKLE_ROOT = Experiment(
    id="merkle-root",
    title="Building a Merkle root on chain",
    techniques=(Technique.SCRATCH, Technique.OPCODES),
    question="What does a root over n words of calldata cost to build?",
    source=LAB / "MerkleRootOnChain.sol",
    variants=(
        Variant("encoded", "MerkleRootEncoded", "An array per level, an encoding per node."),
        Variant("scratch", "MerkleRootScratch", "One array, nodes hashed in the scratch space."),
        Variant("in-place", "MerkleRootInPlace", "Pairs hashed where they stand."),
    ),
    sizes=(4, 16, 64, 256),
    unit="word",
    drive=_merkle_root,
    **words_of(LAB / "MerkleRootOnChain.sol"),
)


# --- signatures -----------------------------------------------------------------------------------


def _signatures(bench: Bench, n: int) -> None:
    random = Random("signatures")
    orders = [(i, random.randrange(10**6), random.randrange(1, 10**6)) for i in range(n)]
    trader = bench.environment.accounts[3]
    contract = bench.deploy()
    at = int.from_bytes(contract.address, "big")
    hashes = [keccak(words(at, *order)) for order in orders]

    arguments: tuple[object, ...]
    if bench.variant.name in ("each", "each-assembly"):
        arguments = ([_signature(digest) for digest in hashes],)
    elif bench.variant.name == "compact":
        arguments = ([_compact(digest) for digest in hashes],)
    elif bench.variant.name == "root":
        tree = levels(hashes, sorted_pair)
        root = tree[-1][0]
        arguments = ([proof(tree, i) for i in range(n)], root, *_compact(root))
    else:
        digest = keccak(encode(["address", "(uint64,uint64,uint64)[]"], [contract.address, orders]))
        arguments = _compact(digest)
    bench.measure("fill", orders, *arguments)
    bench.expect("lots", bench.read("lotsOf", trader), sum(lots for _, _, lots in orders))
    used = [bench.read("isUsed", trader, i) for i in range(n + 1)]
    bench.expect("nonces", used, [True] * n + [False])
    bench.expect("a replay is refused", refused(contract, "fill", orders, *arguments), True)


def _signature(digest: bytes) -> bytes:
    found = key_of(3).sign_msg_hash(digest)
    return words(found.r, found.s) + bytes([27 + found.v])


def _compact(digest: bytes) -> tuple[bytes, bytes]:
    found = key_of(3).sign_msg_hash(digest)
    return words(found.r), words(found.v << 255 | found.s)


SIGNATURES = Experiment(
    id="signatures",
    title="A signature per order, or one for many",
    techniques=(Technique.SIGNATURES, Technique.BATCHING),
    question="A trader signs n orders: what do the signatures cost?",
    source=LAB / "SignedOrders.sol",
    variants=(
        Variant("each", "SignedEach", "65 bytes for each order, OpenZeppelin."),
        Variant("each-assembly", "SignedEachAssembly", "65 bytes for each order, solady."),
        Variant("compact", "SignedEachCompact", "64 bytes for each order (EIP-2098)."),
        Variant("root", "SignedRoot", "A root is signed; each order brings its proof."),
        Variant("batch", "SignedBatch", "All orders are signed together, and come together."),
    ),
    sizes=(1, 2, 4, 16, 64),
    unit="order",
    drive=_signatures,
    **words_of(LAB / "SignedOrders.sol"),
)

EXPERIMENTS: tuple[Experiment, ...] = (
    ROOT_AND_PROOF,
    OPTIMISTIC,
    MULTIPROOF,
    MERKLE_PROOF,
    MERKLE_ROOT,
    SIGNATURES,
)
