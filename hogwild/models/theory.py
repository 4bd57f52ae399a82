"""The step and the number of updates that the Hogwild! article proves to suffice.

Contract: plain formulas of plain numbers, as printed; nothing is measured and nothing is fitted.
The proofs are for the article's *analysed* version (one coordinate of a row drawn at random, step
times |e|); the version that everybody runs writes the whole row and is not covered. The constants
are worst cases: the steps are far smaller than what works.

Called by users beside `hogwild.models.sparsity`, whose record supplies Omega, Delta and rho.

Source: Niu, Recht, Re, Wright, "Hogwild!", 2011, arXiv:1106.5730v2, Proposition 4.1 and section 5.
"""

import math

from hogwild.models.sparsity import Sparsity


def paper_step(
    sparsity: Sparsity,
    *,
    lipschitz: float,
    strong_convexity: float,
    gradient_bound: float,
    target: float,
    delay: int,
    safety: float = 0.5,
) -> float:
    """Return the constant step of Proposition 4.1.

    gamma = theta epsilon c / (2 L M^2 Omega (1 + 6 rho tau + 4 tau^2 Omega Delta^(1/2)))

    Parameters
    ----------
    sparsity : Sparsity
        Omega, Delta and rho of the data.
    lipschitz : float
        L, the Lipschitz constant of the gradient of f.
    strong_convexity : float
        c, the modulus of strong convexity of f; at most L.
    gradient_bound : float
        M, a bound of the norm of one row's gradient (the article's G_e: m times that of one term).
    target : float
        epsilon, the expected f(x_k) - min f to be reached.
    delay : int
        tau, the updates that others may make between a read and the write based on it; 0 is serial.
        The article takes it proportional to the number of workers.
    safety : float
        theta, between 0 and 1: a guard against constants that are not known well.

    Returns
    -------
    float
        gamma, in units of x over gradient.

    Raises
    ------
    ValueError
        An argument out of range; or gamma c >= 1, which the proof excludes: a target too large.

    Examples
    --------
    One coordinate a row, every row its own: Omega = 1, and with tau = 0 the bracket is 1, so that
    gamma = 0.5 * 0.1 * 1 / (2 * 1 * 5^2 * 1) = 0.05 / 50.

    >>> alone = Sparsity(omega=1, delta=0.25, rho=0.25)
    >>> constants = dict(lipschitz=1.0, strong_convexity=1.0, gradient_bound=5.0, target=0.1)
    >>> paper_step(alone, delay=0, **constants)
    0.001

    With tau = 2 the bracket is 1 + 6 * 0.25 * 2 + 4 * 4 * 1 * 0.5 = 12:

    >>> round(0.001 / paper_step(alone, delay=2, **constants), 9)
    12.0
    """
    _check(sparsity, lipschitz, strong_convexity, gradient_bound, target, delay, safety)
    slow_down = _slow_down(sparsity, delay, 4)
    step = safety * target * strong_convexity
    step /= 2 * lipschitz * gradient_bound**2 * sparsity.omega * slow_down
    if step * strong_convexity >= 1:
        raise ValueError(
            f"the proof needs step * strong_convexity < 1, got {step * strong_convexity:.4g}: "
            f"target={target} is too large for these constants"
        )
    return step


def paper_iterations(
    sparsity: Sparsity,
    *,
    lipschitz: float,
    strong_convexity: float,
    gradient_bound: float,
    target: float,
    delay: int,
    initial_distance: float,
    safety: float = 0.5,
) -> int:
    """Return the updates of one coordinate after which Proposition 4.1 promises the target.

    k >= 2 L M^2 Omega (1 + 6 tau rho + 6 tau^2 Omega Delta^(1/2)) log(L D0 / epsilon)
         / (c^2 theta epsilon)

    As printed: a 6 before tau^2 here, a 4 in the step (`paper_step`).

    Parameters
    ----------
    initial_distance : float
        ||x_0 - x*||; its square is the article's D0.
    sparsity, lipschitz, strong_convexity, gradient_bound, target, delay, safety
        As for `paper_step`.

    Returns
    -------
    int
        The smallest such k; 0 where L D0 <= epsilon, as the start is good enough.

    Raises
    ------
    ValueError
        As `paper_step`, with the step that belongs to it.

    Examples
    --------
    With the constants of `paper_step` the factor is 2 * 5^2 * 1 / 0.05 = 1000; D0 = 2^2 makes the
    logarithm log(4 / 0.1) = 3.68888. A delay of 2: 1 + 6 * 0.5 + 6 * 4 * 0.5 = 16 times that.

    >>> alone = Sparsity(omega=1, delta=0.25, rho=0.25)
    >>> constants = dict(lipschitz=1.0, strong_convexity=1.0, gradient_bound=5.0, target=0.1)
    >>> paper_iterations(alone, delay=0, initial_distance=2.0, **constants)
    3689
    >>> paper_iterations(alone, delay=2, initial_distance=2.0, **constants)
    59023
    """
    _positive(initial_distance=initial_distance)
    paper_step(
        sparsity,
        lipschitz=lipschitz,
        strong_convexity=strong_convexity,
        gradient_bound=gradient_bound,
        target=target,
        delay=delay,
        safety=safety,
    )
    log_ratio = math.log(lipschitz * initial_distance**2 / target)
    work = 2 * lipschitz * gradient_bound**2 * sparsity.omega * _slow_down(sparsity, delay, 6)
    return max(0, math.ceil(work * log_ratio / (strong_convexity**2 * safety * target)))


def backoff_iterations(
    *,
    curvature: float,
    noise: float,
    target: float,
    initial_error: float,
    decay: float = 0.37,
    safety: float = 0.5,
) -> int:
    """Return the updates that section 5 promises for a step lowered by `decay` between rounds.

    k >= log(a_0 c_r / (theta B)) / theta  +  (2 B / (c_r epsilon)) log(2 / beta) / (1 - beta)

    The first part brings the error down to where the noise of theta times the largest step holds
    it; the second is the robust 1/k rate. The second is least at beta = 0.37 (more precisely
    0.3734), where log(2 / beta) / (4 (1 - beta)) is 0.67; the article prints 1.34, the value with
    2 in place of 4.

    Parameters
    ----------
    curvature : float
        c_r: the factor of a step in the recursion a_{k+1} <= (1 - c_r gamma)(a_k - a_inf) + a_inf.
    noise : float
        B: where a constant step gamma leads to, a_inf = gamma B.
    target : float
        epsilon, the error to be reached.
    initial_error : float
        a_0, the error of the start.
    decay : float
        beta, between 0 and 1: what the step is multiplied by after each round.
    safety : float
        theta, between 0 and 1: the first step is theta / c_r.

    Raises
    ------
    ValueError
        An argument out of range.

    Examples
    --------
    With a_0 c_r = theta B the first part is 0; beta = 1/2 makes the second
    (2 / 0.01) * log(4) / 0.5 = 400 * 1.386294 = 554.5.

    >>> backoff_iterations(curvature=1.0, noise=1.0, target=0.01, initial_error=0.5, decay=0.5)
    555
    """
    _positive(curvature=curvature, noise=noise, target=target, initial_error=initial_error)
    _share(decay=decay, safety=safety)
    settling = math.log(initial_error * curvature / (safety * noise)) / safety
    rate = 2 * noise / (curvature * target) * math.log(2 / decay) / (1 - decay)
    # a start below the noise has nothing to settle: the bound's first part must not become a credit
    return math.ceil(max(0.0, settling) + rate)


def _slow_down(sparsity: Sparsity, delay: int, quadratic: int) -> float:
    """Return the bracket: how many times slower than serial the bound is."""
    spread = sparsity.omega * math.sqrt(sparsity.delta)
    return 1 + 6 * sparsity.rho * delay + quadratic * delay**2 * spread


def _check(
    sparsity: Sparsity,
    lipschitz: float,
    strong_convexity: float,
    gradient_bound: float,
    target: float,
    delay: int,
    safety: float,
) -> None:
    _positive(
        lipschitz=lipschitz,
        strong_convexity=strong_convexity,
        gradient_bound=gradient_bound,
        target=target,
    )
    _share(safety=safety)
    if not (delay >= 0 and delay == delay // 1):  # false for nan and infinity too
        raise ValueError(f"delay must be a whole number, 0 or more, got {delay}")
    if strong_convexity > lipschitz:
        raise ValueError(
            f"strong_convexity must be at most lipschitz ({lipschitz}), got {strong_convexity}"
        )
    if sparsity.omega < 1:
        raise ValueError("the data has no features (omega is 0): no update would do anything")


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive and finite, got {value}")


def _share(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}")
