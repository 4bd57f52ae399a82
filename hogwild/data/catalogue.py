"""Public data sets worth trying: what they hold and where they are found. Nothing is downloaded.

Contract: facts only. Sizes are those of the files named; a licence is what their source states, and
"not stated" where it states none.

Called by users: `find_data_set` by name, `CATALOGUE` to look around.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """One public data set.

    Attributes
    ----------
    name : str
    task : str
        "classification", "regression", "ratings" or "fields".
    rows : int
        Rows of the file.
    features : int
        Columns; for ratings, the items that occur.
    form : str
        What a line looks like.
    licence, source : str
    """

    name: str
    task: str
    rows: int
    features: int
    form: str
    licence: str
    source: str


CATALOGUE: tuple[DataSet, ...] = (
    DataSet(
        "a8a",
        "classification",
        22_696,
        123,
        "LIBSVM, labels -1 and +1, every value 1",
        "not stated (made from UCI Adult / Census Income)",
        "LIBSVM data page, binary classification",
    ),
    DataSet(
        "sample_libsvm_data",
        "classification",
        100,
        692,
        "LIBSVM, labels 0 and 1, values 0 to 255",
        "Apache-2.0",
        "Apache Spark, data/mllib/sample_libsvm_data.txt",
    ),
    DataSet(
        "sample_linear_regression_data",
        "regression",
        501,
        10,
        "LIBSVM, real labels",
        "Apache-2.0",
        "Apache Spark, data/mllib/sample_linear_regression_data.txt",
    ),
    DataSet(
        "sample_multiclass_classification_data",
        "classification",
        150,
        4,
        "LIBSVM, labels 0, 1, 2",
        "Apache-2.0",
        "Apache Spark, data/mllib/sample_multiclass_classification_data.txt",
    ),
    DataSet(
        "libffm sample, bigdata.tr.txt",
        "fields",
        200,
        9_991,
        "label field:feature:value, zero-based",
        "BSD-3-Clause style",
        "ycjuan/libffm",
    ),
    DataSet(
        "MovieLens 100k",
        "ratings",
        100_000,
        1_682,
        "user TAB item TAB rating TAB time, from 1",
        "GroupLens terms: research use, no redistribution",
        "GroupLens Research, u.data",
    ),
    DataSet(
        "MovieLens 1M",
        "ratings",
        1_000_209,
        3_706,
        "user::item::rating::time, from 1",
        "GroupLens terms: research use, no redistribution",
        "GroupLens Research, ratings.dat",
    ),
)
"""Every data set of the catalogue, a `DataSet` each."""


def find_data_set(name: str) -> DataSet:
    """Return what the catalogue says about a data set.

    Raises
    ------
    ValueError
        The catalogue has no data set of that name.

    Examples
    --------
    >>> find_data_set("a8a").features
    123
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    known = ", ".join(repr(entry.name) for entry in CATALOGUE)
    raise ValueError(f"no data set {name!r} in the catalogue; known are {known}")
