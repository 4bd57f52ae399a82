"""Java's and Spark's generators: the printed numbers, and vectorised draws equal to plain ones."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.mllib import java_random
from hogwild.mllib.java_random import JavaRandom, XORShiftRandom, hashed_seed, signed

SEEDS = st.integers(-(2**63), 2**63 - 1)
BLOCK = java_random._BLOCK

# seed: the state that its hash is, three doubles of XORShiftRandom, two longs of JavaRandom
PRINTED = {
    0: (
        "80b91e250a05cc5f",
        [0.7604953758285915, 0.5234194256885571, 0.0953472826424725],
        [-4962768465676381896, 4437113781045784766],
    ),
    11: (
        "211f9c3769dc4529",
        [0.03422639313807285, 0.11682250456449328, 0.3252227809451943],
        [-4974335856783105384, 7883164322401693319],
    ),
    42: (
        "38078a854d18b285",
        [0.619189370225301, 0.5096018842446481, 0.8325259388871524],
        [-5025562857975149833, -5843495416241995736],
    ),
    -5: (
        "fd9fe96bd496e6a6",
        [0.7332337014740989, 0.21336765004498004, 0.9422193980707882],
        [4967725915334898755, 6162916890256202832],
    ),
}


def plain(random, n):
    return [random.next_double() for _ in range(n)]


@pytest.mark.parametrize("seed", PRINTED)
def test_the_first_draws_are_the_printed_ones(seed):
    state, doubles, longs = PRINTED[seed]
    assert f"{hashed_seed(seed):x}" == state
    assert plain(XORShiftRandom(seed), 3) == doubles
    assert XORShiftRandom(seed).next_doubles(3).tolist() == doubles
    assert XORShiftRandom(seed).next_doubles(1000)[:3].tolist() == doubles
    random = JavaRandom(seed)
    assert [random.next_long(), random.next_long()] == longs


def test_the_hash_is_murmur3_with_its_known_values():
    assert java_random._murmur3(b"test", 0) == 0xBA6BD213
    assert java_random._murmur3(b"aaaa", 0x9747B28C) == 0x5A97808A


def test_an_int_of_32_bits_can_be_negative_and_fewer_bits_never_are():
    for kind in (JavaRandom, XORShiftRandom):
        whole, half = kind(1), kind(1)
        assert min(whole.next(32) for _ in range(100)) < 0
        assert min(half.next(31) for _ in range(100)) >= 0


@given(SEEDS, st.lists(st.integers(0, 300), max_size=4))
def test_vectorised_doubles_are_the_plain_ones_call_after_call(seed, counts):
    fast, slow = XORShiftRandom(seed), XORShiftRandom(seed)
    for n in counts:
        doubles = fast.next_doubles(n)
        assert doubles.dtype == np.float64
        assert doubles.tolist() == plain(slow, n)
        assert fast.next_long() == slow.next_long()


@pytest.mark.parametrize("n", [127, 128, 129, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 17])
def test_blocks_follow_one_another_without_a_seam(n):
    fast, slow = XORShiftRandom(n), XORShiftRandom(n)
    assert fast.next_doubles(n).tolist() == plain(slow, n)
    assert fast.next_doubles(200).tolist() == plain(slow, 200)


def test_doubles_are_multiples_of_2_to_the_minus_53_below_one():
    doubles = XORShiftRandom(5).next_doubles(100_000)
    scaled = doubles * 2.0**53
    assert (scaled == np.rint(scaled)).all()
    assert 0.0 <= doubles.min() < 1e-4
    assert 1 - 1e-4 < doubles.max() < 1.0


def test_the_table_holds_the_states_of_single_bits_32_steps_apart():
    table = java_random._table()
    for bit in (0, 31, 63):
        random = XORShiftRandom(0)
        random._state = 1 << bit
        for column in range(70):
            assert int(table[bit, column]) == random._state
            for _ in range(32):
                random.next(1)


def test_the_state_zero_stays_zero_whichever_way_it_is_drawn():
    random = XORShiftRandom(0)
    random._state = 0
    assert not random.next_doubles(BLOCK + 500).any()
    assert random.next_double() == 0.0


@given(SEEDS, st.integers(0, 200))
def test_a_skip_is_as_many_steps(seed, n):
    skipped, stepped = JavaRandom(seed), JavaRandom(seed)
    skipped.skip(n)
    for _ in range(n):
        stepped.next(32)
    assert skipped.next_long() == stepped.next_long()


@given(SEEDS, st.integers(0, 2**48), st.integers(0, 2**48))
def test_skips_add_up_and_2_to_the_48_of_them_lead_back(seed, one, two):
    whole, parts, around = JavaRandom(seed), JavaRandom(seed), JavaRandom(seed)
    whole.skip(one + two)
    parts.skip(one)
    parts.skip(two)
    around.skip(one + two + 2**48)
    assert whole.next_long() == parts.next_long() == around.next_long()


@given(st.integers(-(2**70), 2**70), st.sampled_from([8, 32, 64]))
def test_signed_is_twos_complement(number, bits):
    kept = signed(number, bits)
    assert -(2 ** (bits - 1)) <= kept < 2 ** (bits - 1)
    assert (kept - number) % 2**bits == 0


@pytest.mark.parametrize("kind", [JavaRandom, XORShiftRandom])
def test_a_seed_is_any_integer_of_64_bits_and_no_other(kind):
    assert kind(np.int64(42)).next_long() == kind(42).next_long()
    assert kind(np.uint8(42)).next_long() == kind(42).next_long()
    assert kind(-(2**63)).next_long() != kind(2**63 - 1).next_long()
    for seed in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match=f"seed must be a signed 64-bit .* got {seed}"):
            kind(seed)
    with pytest.raises(TypeError):
        kind(0.5)


@pytest.mark.parametrize("kind", [JavaRandom, XORShiftRandom])
def test_none_can_be_drawn_and_less_than_none_can_not(kind):
    assert kind(1).next_doubles(0).tolist() == []
    with pytest.raises(ValueError, match="n must be 0 or more, got -1"):
        kind(1).next_doubles(-1)
    with pytest.raises(ValueError, match="n must be 0 or more, got -2"):
        JavaRandom(1).skip(-2)


def test_vectorised_draws_are_ten_times_faster_at_least():
    def seconds(draw):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            draw()
            times.append(time.perf_counter() - start)
        return min(times)

    random = XORShiftRandom(3)
    random.next_doubles(BLOCK)  # makes the table
    assert 10 * seconds(lambda: random.next_doubles(BLOCK)) < seconds(lambda: plain(random, BLOCK))
