"""The tests that judge the provers."""


def lies(of: str, word: str) -> tuple[str, ...]:
    """Lies of the catalogue with a word in their names."""
    return (f"tests/property/test_inv_s9_lies_{of}.py", "-k", word)


CORNERS = tuple(
    f"tests/property/test_inv_s9_corner_{of}.py" for of in ("amounts", "orders", "facts")
)
MARGINS = ("tests/unit/contracts/test_prover_margin.py",)
ASKED = ("tests/unit/contracts/test_prover_questions.py",)
ANSWERED = ("tests/unit/contracts/test_prover_unauthorized.py", "-k", "not blobs")
