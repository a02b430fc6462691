"""Every fuzz target withstands its seeds, its past findings, and a few thousand mutations."""

import importlib
import itertools
import random

import pytest

from tools.fuzz import mutations, seeds_of, target_names

ROUNDS = 2_000


@pytest.fixture(params=target_names())
def target(request):
    module = importlib.import_module(f"tests.fuzz.{request.param}")
    return module, seeds_of(request.param, module)


def test_seeds_and_past_findings(target):
    module, seeds = target
    assert seeds
    for seed in seeds:
        module.parse(seed)


def test_mutations(target):
    module, seeds = target
    for data in itertools.islice(mutations(seeds, random.Random(1)), ROUNDS):
        module.parse(data)


def test_the_same_chance_gives_the_same_mutations():
    first, second = (
        list(itertools.islice(mutations([b"{}", b"abc"], random.Random(7)), 50)) for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > 25


def test_mutations_find_a_planted_fault():
    def parse(data):
        if data.count(b"a") > 3:
            raise RuntimeError

    tried = itertools.islice(mutations([b"abc"], random.Random(1)), ROUNDS)
    with pytest.raises(RuntimeError):
        list(map(parse, tried))
