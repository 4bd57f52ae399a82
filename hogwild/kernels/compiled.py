"""One switch: the same Python source, run as it is or compiled by numba (the extra ``fast``).

Nothing is compiled at import; a kernel is compiled at its first call, in about half a second a
process (forked workers inherit what their parent has compiled).  Numba's cache on disk is left
alone: it can't recognise a function that was built around another one, so it would never hit, and
grow at each run.

No fast-math: a compiled kernel gives in float64 the same bits as the interpreted one, and
reordering was measured to be slower for these gathers.  Called by ``kernels.linear`` and
``kernels.gates``.
"""

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

from hogwild.errors import MissingExtra


def have_numba() -> bool:
    """Tell whether the extra ``fast`` is installed, without importing it."""
    return importlib.util.find_spec("numba") is not None


def jit(function: Callable, *, inline: bool = False) -> Callable:
    """Return `function` compiled by numba, without the interpreter lock and with IEEE division.

    `inline` puts its body where it is called: a call that hands over arrays costs as much as a
    dozen updates of one coordinate, and the compiler does not always remove it by itself.

    Raises
    ------
    MissingExtra
        When numba is not installed.
    """
    if not have_numba():
        raise MissingExtra("fast", 'kernel="numba"')
    import numba

    return numba.njit(nogil=True, error_model="numpy", inline="always" if inline else "never")(
        function
    )


def atomics() -> "Atomics":
    """Return compiled atomic operations on one element of an array.

    ``add`` is the component-wise atomic addition that the Hogwild! paper assumes (section 3): a
    compare-and-swap loop of the processor, so that no update is ever lost.  The others are what
    spin locks and turn-taking need, on int64 arrays: numba may otherwise read a flag once and
    never again.

    Raises
    ------
    MissingExtra
        When numba is not installed.
    """
    if not have_numba():
        raise MissingExtra("fast", 'write="atomic"')
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def place(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, args[0])
        return cgutils.get_item_pointer(context, builder, kind, array, [args[1]], wraparound=False)

    @intrinsic
    def add(typing_context, array, index, x):
        def generate(context, builder, signature, args):
            x = context.cast(builder, args[2], signature.args[2], signature.args[0].dtype)
            spot = place(context, builder, signature, args)
            return builder.atomic_rmw("fadd", spot, x, "monotonic")

        return array.dtype(array, index, x), generate

    @intrinsic
    def swap(typing_context, array, index, x):
        def generate(context, builder, signature, args):
            x = context.cast(builder, args[2], signature.args[2], types.int64)
            return builder.atomic_rmw(
                "xchg", place(context, builder, signature, args), x, "seq_cst"
            )

        return types.int64(array, index, x), generate

    @intrinsic
    def load(typing_context, array, index):
        def generate(context, builder, signature, args):
            return builder.load_atomic(
                place(context, builder, signature, args), ordering="seq_cst", align=8
            )

        return types.int64(array, index), generate

    # waiting without giving up the processor would starve the one waited for, on a busy machine
    pause = types.ExternalFunction("sched_yield", types.int32())
    return Atomics(add, swap, load, pause)


def prefetcher() -> Callable:
    """Return compiled ``prefetch(array, index)``: ask for an element that will soon be needed.

    It changes no value.  A weight that another processor has just written takes a hundred cycles to
    come; asked for some entries ahead, it comes while the others are worked on.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def prefetch(typing_context, array, index):
        def generate(context, builder, signature, args):
            kind = signature.args[0]
            record = context.make_array(kind)(context, builder, args[0])
            spot = cgutils.get_item_pointer(
                context, builder, kind, record, [args[1]], wraparound=False
            )
            pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [pointer, word, word, word]),
                "llvm.prefetch.p0",
            )
            to_write, keep_near, data_not_code = word(1), word(3), word(1)
            spot = builder.bitcast(spot, pointer)
            builder.call(function, [spot, to_write, keep_near, data_not_code])
            return context.get_dummy_value()

        return types.void(array, index), generate

    return prefetch


class Atomics(NamedTuple):
    """``add(a, i, x)``, ``swap(a, i, x) -> old``, ``load(a, i)``; ``pause()`` between two looks."""

    add: Callable
    swap: Callable
    load: Callable
    pause: Callable
