from tests.vectors import generate


def test_vectors_are_what_the_model_says():
    assert generate.differing() == []
