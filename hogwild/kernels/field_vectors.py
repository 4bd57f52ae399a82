"""The pair operations of ``kernels.fields`` as vector instructions, for compiled float32.

Both vectors of a pair, w1 with its G1 and w2 with its G2, are read at once, put side by side, and
moved as one LLVM value of twice the width: for four factors that is one register of 256 bits, and
one root and one division for the eight components.  Products and sums are fused and a dot product
is added in the order of the processor's choice, so results agree with the loops to rounding; they
are always the same for the same numbers.

Called by ``kernels.fields``.
"""

from collections.abc import Callable
from typing import Any

from hogwild.kernels.field_records import FieldVariant

FUSE = ("reassoc", "contract")  # sum in any order, multiply and add in one


def make_vector_pairs(variant: FieldVariant) -> tuple[Callable, Callable]:
    """Return ``join`` and ``move`` of ``kernels.fields.PairOperations`` as numba intrinsics."""
    from numba import types
    from numba.extending import intrinsic

    width, clipped = variant.width, variant.clipped

    @intrinsic
    def join(typing_context, z, table, one, two, v):
        def generate(context, builder, signature, args):
            w1, w2 = (_load(context, builder, signature, args, p, width)[1] for p in (2, 3))
            z, v = (_number(context, builder, signature, args, p) for p in (0, 4))
            product = builder.fmul(w1, w2, flags=FUSE)
            return builder.fadd(
                z, builder.fmul(_total(builder, product), v, flags=FUSE), flags=FUSE
            )

        return types.float32(z, table, one, two, v), generate

    @intrinsic
    def move(typing_context, table, one, two, pull, step, reg, clip):
        first, second = list(range(width)), list(range(2 * width, 3 * width))
        G1, G2 = [d + width for d in first], [d + width for d in second]

        def generate(context, builder, signature, args):
            at1, x = _load(context, builder, signature, args, 1, 2 * width)
            at2, y = _load(context, builder, signature, args, 2, 2 * width)
            pull, step, reg, clip = (
                _splat(builder, _number(context, builder, signature, args, p), 2 * width)
                for p in (3, 4, 5, 6)
            )
            w, other = _pick(builder, x, y, first + second), _pick(builder, x, y, second + first)
            squares = _pick(builder, x, y, G1 + G2)
            kept, pulled = builder.fmul(reg, w, flags=FUSE), builder.fmul(pull, other, flags=FUSE)
            g = builder.fadd(kept, pulled, flags=FUSE)
            if clipped:
                g = _between(builder, g, clip)
            squares = builder.fadd(squares, builder.fmul(g, g, flags=FUSE), flags=FUSE)
            root = _call(builder, "sqrt", [squares])
            w = builder.fsub(w, builder.fdiv(builder.fmul(step, g), root))
            builder.store(_pick(builder, w, squares, first + second), at1, align=4)
            builder.store(_pick(builder, w, squares, G1 + G2), at2, align=4)
            return context.get_dummy_value()

        arguments = (table, one, two, pull, step, reg, clip)
        return types.void(*arguments), generate

    return join, move


def line_prefetcher() -> Callable:
    """Return compiled ``ask(table, place)``: ask for a line that will soon be read and written."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def ask(typing_context, table, place):
        def generate(context, builder, signature, args):
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte, word, word, word]),
                "llvm.prefetch.p0",
            )
            to_write, keep_near, data_not_code = word(1), word(3), word(1)
            spot = builder.bitcast(_spot(context, builder, signature, args, 0, 1), byte)
            builder.call(function, [spot, to_write, keep_near, data_not_code])
            return context.get_dummy_value()

        return types.void(table, place), generate

    return ask


def _spot(context: Any, builder: Any, signature: Any, args: Any, table: int, place: int) -> Any:
    """Return the address of a number of a flat array, both named by their argument's position."""
    from numba import types

    kind = signature.args[table]
    array = context.make_array(kind)(context, builder, args[table])
    offset = context.cast(builder, args[place], signature.args[place], types.intp)
    return builder.gep(array.data, [offset])


def _load(
    context: Any, builder: Any, signature: Any, args: Any, place: int, width: int
) -> tuple[Any, Any]:
    """Return address and value of the vector that begins at a place of the table."""
    table = next(i for i, kind in enumerate(signature.args) if hasattr(kind, "ndim"))
    spot = _spot(context, builder, signature, args, table, place)
    spot = builder.bitcast(spot, _vector(width).as_pointer())
    return spot, builder.load(spot, align=4)


def _vector(width: int) -> Any:
    from llvmlite import ir

    return ir.VectorType(ir.FloatType(), width)


def _number(context: Any, builder: Any, signature: Any, args: Any, place: int) -> Any:
    from numba import types

    return context.cast(builder, args[place], signature.args[place], types.float32)


def _mask(places: list[int]) -> Any:
    from llvmlite import ir

    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)


def _pick(builder: Any, x: Any, y: Any, places: list[int]) -> Any:
    """Return those numbers of x, followed by y, as one vector."""
    return builder.shuffle_vector(x, y, _mask(places))


def _splat(builder: Any, x: Any, width: int) -> Any:
    """Return a vector that has x everywhere."""
    from llvmlite import ir

    nothing = ir.Constant(_vector(width), ir.Undefined)
    first = builder.insert_element(nothing, x, ir.IntType(32)(0))
    return _pick(builder, first, nothing, [0] * width)


def _between(builder: Any, x: Any, bound: Any) -> Any:
    """Return x limited to -bound ... bound; NaN stays NaN, for a fit must notice it."""
    from llvmlite import ir

    low = builder.fsub(ir.Constant(x.type, [0.0] * x.type.count), bound)
    x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
    return builder.select(builder.fcmp_ordered(">", x, bound), bound, x)


def _total(builder: Any, x: Any) -> Any:
    """Return the sum of a vector's numbers."""
    from llvmlite import ir

    zero = ir.FloatType()(0.0)
    return _call(builder, "vector.reduce.fadd", [zero, x], ir.FloatType(), FUSE)


def _call(
    builder: Any, name: str, args: list[Any], result: Any = None, flags: tuple[str, ...] = ()
) -> Any:
    """Call an intrinsic of LLVM on a vector, its last argument."""
    from llvmlite import ir
    from numba.core import cgutils

    kind = args[-1].type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(result or kind, [value.type for value in args]),
        f"llvm.{name}.v{kind.count}f32",
    )
    return builder.call(function, args, fastmath=flags)
