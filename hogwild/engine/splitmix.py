"""Random numbers whose whole state is one number, so that it fits into a schedule's array.

SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): the
n-th number depends on the seed and on n, and on nothing else.

Used by ``fpsgd`` for its ties and by ``interleave``.
"""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def splitmix(state: int) -> tuple[int, int]:
    """Return the next state and the next number, both from 0 to 2**64 - 1.

    Examples
    --------
    >>> hex(splitmix(0)[1])
    '0xe220a8397b1dcdaf'
    """
    state = (state + GOLDEN) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def below(number: int, n: int) -> int:
    """Return a number from 0 to n - 1 out of one from ``splitmix``.

    Some results have one more of the 2**64 numbers than others, which nobody can notice.

    Examples
    --------
    >>> below(0, 6), below(2**63, 6), below(2**64 - 1, 6)
    (0, 3, 5)
    """
    return (number * n) >> 64
