"""The operations of ``kernels.fields`` as vector instructions, for compiled float32.

Both vectors of a pair, w1 with its G1 and w2 with its G2, are read at once, put side by side, and
moved as one LLVM value of twice the width: for four factors that is one register of 256 bits, and
one root for eight components.  The loop over an entry's partners is made here too, in LLVM's own
terms: numba's would test every index for being negative.  A product's sum is added in the order of
the processor's choice, and products and sums are fused; so results agree with the loops to
rounding, and are always the same for the same numbers.

Called by ``kernels.fields``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hogwild.kernels.field_records import FieldVariant

FUSE = ("reassoc", "contract")  # sum in any order, multiply and add in one
LINE = 16  # floats in a cache line


def make_vector_entries(variant: FieldVariant) -> tuple[Callable, Callable]:
    """Return ``join`` and ``move`` of ``kernels.fields.EntryOperations`` as numba intrinsics."""
    from numba import types
    from numba.extending import intrinsic

    width = variant.width

    @intrinsic
    def join(typing_context, z, a, hi, r, fields, features, values, table, n_fields):
        arguments = (z, a, hi, r, fields, features, values, table, n_fields)
        names = ("z", "a", "hi", "r", "fields", "features", "values", "table", "n_fields")

        def generate(context, builder, signature, args):
            code = _Code(context, builder, signature, args, names, variant)
            total = code.variable(code.zeros(width))
            with code.partners() as (one, two, v):
                product = builder.fmul(code.load(one, width), code.load(two, width), flags=FUSE)
                term = builder.fmul(product, code.splat(v, width), flags=FUSE)
                builder.store(builder.fadd(builder.load(total), term, flags=FUSE), total)
            return builder.fadd(code.float("z"), code.total(builder.load(total)), flags=FUSE)

        return types.float32(*arguments), generate

    @intrinsic
    def move(
        typing_context, a, hi, r, kappa, fields, features, values, table, n_fields, step, reg, clip
    ):
        arguments = (a, hi, r, kappa, fields, features, values, table, n_fields, step, reg, clip)
        names = ("a", "hi", "r", "kappa", "fields", "features", "values", "table", "n_fields",
                 "step", "reg", "clip")  # fmt: skip

        def generate(context, builder, signature, args):
            code = _Code(context, builder, signature, args, names, variant)
            numbers = [code.splat(code.float(name), 2 * width) for name in ("step", "reg", "clip")]
            kappa = code.float("kappa")
            with code.partners() as (one, two, v):
                pull = code.splat(builder.fmul(kappa, v), 2 * width)
                _move_pair(code, one, two, pull, *numbers)
            return context.get_dummy_value()

        return types.void(*arguments), generate

    return join, move


def _move_pair(
    code: "_Code", one: Any, two: Any, pull: Any, step: Any, reg: Any, clip: Any
) -> None:
    """Make the step of one pair, from its vectors' addresses."""
    builder, width = code.builder, code.variant.width
    first, second = list(range(width)), list(range(2 * width, 3 * width))
    G1, G2 = [d + width for d in first], [d + width for d in second]
    x, y = code.load(one, 2 * width), code.load(two, 2 * width)
    w, other = code.pick(x, y, first + second), code.pick(x, y, second + first)
    squares = code.pick(x, y, G1 + G2)
    kept = builder.fmul(reg, w, flags=FUSE)
    g = builder.fadd(kept, builder.fmul(pull, other, flags=FUSE), flags=FUSE)
    if code.variant.clipped:
        g = code.between(g, clip)
    square = builder.fmul(g, g, flags=FUSE)
    squares = builder.fadd(squares, square, flags=FUSE)
    if code.variant.twins:  # a vector paired with itself gets both steps, one after the other
        twin = builder.icmp_unsigned("==", one, two)
        squares = builder.select(twin, builder.fadd(squares, square, flags=FUSE), squares)
    # the processor's estimate of 1 / sqrt, with Newton's step, was measured to take as long
    delta = builder.fdiv(builder.fmul(step, g, flags=FUSE), code.call("sqrt", [squares]))
    w = builder.fsub(w, delta, flags=FUSE)
    if code.variant.twins:
        w = builder.select(twin, builder.fsub(w, delta, flags=FUSE), w)
    code.store(code.pick(w, squares, first + second), one)
    code.store(code.pick(w, squares, G1 + G2), two)


def row_prefetcher(variant: FieldVariant) -> Callable:
    """Return compiled ``ask(table, feature, n_fields)``: ask for all vectors of a feature.

    They are asked for into the second-level cache: a row's vectors would not fit the first beside
    those of the row that is being worked on.
    """
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def ask(typing_context, table, feature, n_fields):
        names = ("table", "feature", "n_fields")

        def generate(context, builder, signature, args):
            code = _Code(context, builder, signature, args, names, variant)
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte, word, word, word]),
                "llvm.prefetch.p0",
            )
            to_read, keep_far, data_not_code = word(0), word(2), word(1)
            n_fields = code.index("n_fields")
            length = builder.mul(n_fields, code.constant(variant.slot))
            first = builder.mul(code.index("feature"), length)
            stop = builder.add(first, length)
            with cgutils.for_range_slice(builder, first, stop, code.constant(LINE), first.type) as (
                place,
                _,
            ):
                spot = builder.bitcast(builder.gep(code.array("table").data, [place]), byte)
                builder.call(function, [spot, to_read, keep_far, data_not_code])
            return context.get_dummy_value()

        return types.void(table, feature, n_fields), generate

    return ask


class _Code:
    """The instructions that the operations share, and their arguments by name."""

    def __init__(
        self, context: Any, builder: Any, signature: Any, args: Any, names: Any, variant: Any
    ):
        self.context, self.builder, self.variant = context, builder, variant
        self._given = dict(zip(names, zip(args, signature.args, strict=True), strict=True))

    def array(self, name: str) -> Any:
        """Return the record of an array, with its ``data``."""
        value, kind = self._given[name]
        return self.context.make_array(kind)(self.context, self.builder, value)

    def float(self, name: str) -> Any:
        """Return a number as a float."""
        from numba import types

        value, kind = self._given[name]
        return self.context.cast(self.builder, value, kind, types.float32)

    def index(self, name: str) -> Any:
        """Return a whole number as wide as an address."""
        from numba import types

        value, kind = self._given[name]
        return self.context.cast(self.builder, value, kind, types.intp)

    def constant(self, number: int) -> Any:
        """Return a whole number as wide as an address."""
        from numba import types

        return self.context.get_constant(types.intp, number)

    def partners(self) -> Any:
        """Loop over the entries behind entry a, giving both vectors' addresses and v_a v_b R."""
        return _partners(self)

    def item(self, name: str, place: Any) -> Any:
        """Return a number of an array; whole ones as wide as an address, and none is negative."""
        from llvmlite import ir

        value = self.builder.load(self.builder.gep(self.array(name).data, [place]))
        if isinstance(value.type, ir.IntType):
            value = self.builder.zext(value, self.constant(0).type)
        return value

    def load(self, spot: Any, width: int) -> Any:
        """Return the vector at an address."""
        pointer = self.builder.bitcast(spot, _vector(width).as_pointer())
        return self.builder.load(pointer, align=4)

    def store(self, value: Any, spot: Any) -> None:
        """Write a vector to an address."""
        self.builder.store(value, self.builder.bitcast(spot, value.type.as_pointer()), align=4)

    def variable(self, value: Any) -> Any:
        """Return the address of a variable that begins with a value."""
        from numba.core import cgutils

        spot = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, spot)
        return spot

    def zeros(self, width: int) -> Any:
        """Return a vector of zeros."""
        return _vector(width)([0.0] * width)

    def pick(self, x: Any, y: Any, places: list[int]) -> Any:
        """Return those numbers of x, followed by y, as one vector."""
        from llvmlite import ir

        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
        return self.builder.shuffle_vector(x, y, mask)

    def splat(self, x: Any, width: int) -> Any:
        """Return a vector that has x everywhere."""
        from llvmlite import ir

        nothing = ir.Constant(_vector(width), ir.Undefined)
        first = self.builder.insert_element(nothing, x, ir.IntType(32)(0))
        return self.pick(first, nothing, [0] * width)

    def between(self, x: Any, bound: Any) -> Any:
        """Return x limited to -bound ... bound; NaN stays NaN, for a fit must notice it."""
        builder = self.builder
        low = builder.fsub(self.zeros(x.type.count), bound)
        x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
        return builder.select(builder.fcmp_ordered(">", x, bound), bound, x)

    def total(self, x: Any) -> Any:
        """Return the sum of a vector's numbers."""
        zero = x.type.element(0.0)
        return self.call("vector.reduce.fadd", [zero, x], zero.type, FUSE)

    def call(
        self, name: str, args: list[Any], result: Any = None, flags: tuple[str, ...] = ()
    ) -> Any:
        """Call an intrinsic of LLVM on a vector, its last argument."""
        from llvmlite import ir
        from numba.core import cgutils

        kind = args[-1].type
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result or kind, [value.type for value in args]),
            f"llvm.{name}.v{kind.count}f32",
        )
        return self.builder.call(function, args, fastmath=flags)


@contextmanager
def _partners(code: _Code) -> Iterator[tuple[Any, Any, Any]]:
    from numba.core import cgutils

    builder = code.builder
    a, r, n_fields = code.index("a"), code.float("r"), code.index("n_fields")
    slot, table = code.constant(code.variant.slot), code.array("table").data
    own = builder.mul(builder.mul(code.item("features", a), n_fields), slot)
    block = builder.gep(table, [own])
    column = builder.gep(table, [builder.mul(code.item("fields", a), slot)])
    length = builder.mul(n_fields, slot)
    v_a = code.item("values", a)
    start, one_more = builder.add(a, code.constant(1)), code.constant(1)
    with cgutils.for_range_slice(builder, start, code.index("hi"), one_more, a.type) as (b, _):
        one = builder.gep(block, [builder.mul(code.item("fields", b), slot)])
        two = builder.gep(column, [builder.mul(code.item("features", b), length)])
        v = builder.fmul(builder.fmul(v_a, code.item("values", b)), r)
        yield one, two, v


def _vector(width: int) -> Any:
    from llvmlite import ir

    return ir.VectorType(ir.FloatType(), width)
