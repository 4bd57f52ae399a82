"""What an update of ``kernels.fields`` is told: what to do, the arrays, and the numbers that stay.

Named tuples, for numba takes them as they are.  Made by ``models.field_memory``, and read by the
scalar loop and by ``kernels.field_numpy``.

The vectors of a model lie in one flat array, the *table*.  The vector w of feature j for partners
of field f begins at ``(j n_fields + f) slot``; in a fit ``slot`` is twice ``width``, for w is
followed by its G, the sums of squared gradients: what an update needs together lies together.
"""

from typing import Any, NamedTuple


class FieldVariant(NamedTuple):
    """What an update has to do besides the plain step; each switch costs nothing when off.

    Attributes
    ----------
    width : int
        Numbers in a vector: the factors, and where they are updated as machine vectors zeros up to
        a multiple of 4.
    slot : int
        Numbers from one vector of the table to the next.
    biased : bool
        There is a bias.
    linear : bool
        There are linear terms.
    clipped : bool
        Each component of a gradient is limited.
    twins : bool
        Some row has two entries of one feature and one field, and so pairs of a vector with itself.
    ahead : bool
        Ask memory for the next row's vectors while this one is worked on.
    """

    width: int
    slot: int
    biased: bool = False
    linear: bool = False
    clipped: bool = False
    twins: bool = False
    ahead: bool = False


class FieldData(NamedTuple):
    """The rows, and the order in which they are visited.

    Attributes
    ----------
    order : uint32 array, shape (n_rows,)
        The row at each place of the epoch.
    indptr : int64 array, shape (n_rows + 1,)
    fields, features : uint32 arrays, shape (n_entries,)
        Unsigned, so that compiled code needs no test for indices from the end; all of them known to
        the model.
    values : float array, shape (n_entries,)
    scale : float array, shape (n_rows,)
        R, of which each pair's product is a multiple: 1 / sum of v^2, or 1.
    y : float64 array, shape (n_rows,)
    """

    order: Any
    indptr: Any
    fields: Any
    features: Any
    values: Any
    scale: Any
    y: Any


class FieldWeights(NamedTuple):
    """The arrays that an update changes, common to all workers.

    Attributes
    ----------
    table : float array of one dimension
    linear : float array, shape (n_features, 2), or (1, 2) where unused
        Weight and G of each feature.
    bias : float array, shape (1, 2)
        The bias and its G.
    """

    table: Any
    linear: Any
    bias: Any


class FieldConstants(NamedTuple):
    """The numbers of an update that don't change from row to row; floats in the arrays' type.

    Attributes
    ----------
    n_fields : int
    step : float
        AdaGrad's numerator (the article's eta).
    reg : float
        Ridge weight (lambda), once a pair.
    clip : float
        The largest size of a component of a gradient.
    """

    n_fields: int
    step: Any
    reg: Any
    clip: Any
