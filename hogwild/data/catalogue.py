"""Public data sets worth trying: what they hold and where they are found. Nothing is downloaded.

Contract: facts only. Sizes are those of the files named; a licence is what their source states, and
"not stated" where it states none. `hogwild.data.fetch` downloads those that have an archive.

Called by users: `find_data_set` by name, `CATALOGUE` to look around.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A zip file in the net, and what is wanted of it.

    Attributes
    ----------
    url : str
    size : int
        Bytes.
    sha256 : str
        Of the zip file.
    folder : str
        Where the members lie in the zip file; a folder of this name is made for them.
    members : tuple of str
        The ratings first, the terms of use last.
    member_sha256 : tuple of (str, str)
        Members whose own checksum is known, too.
    """

    url: str
    size: int
    sha256: str
    folder: str
    members: tuple[str, ...]
    member_sha256: tuple[tuple[str, str], ...] = ()


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
    users : int
        For ratings, the users that occur; else 0.
    archive : Archive or None
        What ``hogwild data fetch`` downloads.
    """

    name: str
    task: str
    rows: int
    features: int
    form: str
    licence: str
    source: str
    users: int = 0
    archive: Archive | None = None


_TERMS = (
    "GroupLens terms: research use with acknowledgement; must not be redistributed, nor used "
    "commercially, without permission"
)
_GROUPLENS = "https://files.grouplens.org/datasets/movielens"

MOVIELENS: tuple[DataSet, ...] = (
    DataSet(
        "movielens-100k",
        "ratings",
        100_000,
        1_682,
        "user TAB item TAB rating TAB time, from 1; stars 1 to 5",
        _TERMS,
        "GroupLens Research, ml-100k/u.data",
        943,
        Archive(
            f"{_GROUPLENS}/ml-100k.zip",
            4_924_029,
            "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
            "ml-100k",
            ("u.data", "u1.base", "u1.test", "README"),
            (
                ("u.data", "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"),
                ("u1.base", "ce253ec86c448b44fb3ba9a30d12dcfc2e9210cbde71efada3730c22e9ac212a"),
                ("u1.test", "18c6014a4b2c7324f250a63f8904a7b16b2b19f911129e346141507b0cbac950"),
                ("README", "b2f69dd0cab50c2b976da7c6113f267169cf0b35ade48de35fe75ed1b81c0f28"),
            ),
        ),
    ),
    DataSet(
        "movielens-1m",
        "ratings",
        1_000_209,
        3_706,
        "user::item::rating::time, from 1; stars 1 to 5",
        _TERMS,
        "GroupLens Research, ml-1m/ratings.dat",
        6_040,
        Archive(
            f"{_GROUPLENS}/ml-1m.zip",
            5_917_549,
            "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
            "ml-1m",
            ("ratings.dat", "README"),
        ),
    ),
    DataSet(
        "movielens-10m",
        "ratings",
        10_000_054,
        10_677,
        "user::item::rating::time, from 1; stars 0.5 to 5 in halves",
        _TERMS,
        "GroupLens Research, ml-10M100K/ratings.dat",
        69_878,
        Archive(
            f"{_GROUPLENS}/ml-10m.zip",
            65_566_137,
            "813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862",
            "ml-10M100K",
            ("ratings.dat", "README.html"),
        ),
    ),
    DataSet(
        "movielens-20m",
        "ratings",
        20_000_263,
        26_744,
        "userId,movieId,rating,timestamp with a header, from 1; stars 0.5 to 5 in halves",
        _TERMS,
        "GroupLens Research, ml-20m/ratings.csv",
        138_493,
        Archive(
            f"{_GROUPLENS}/ml-20m.zip",
            198_702_078,
            "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
            "ml-20m",
            ("ratings.csv", "README.txt"),
        ),
    ),
)

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
    *MOVIELENS,
)
"""Every data set of the catalogue, a `DataSet` each."""


def find_data_set(name: str) -> DataSet:
    """Return what the catalogue says about a data set; ``ml-1m`` is ``movielens-1m``, and case and
    blanks don't matter.

    Raises
    ------
    ValueError
        The catalogue has no data set of that name.

    Examples
    --------
    >>> find_data_set("a8a").features
    123
    """
    wanted = name.lower().replace(" ", "-")
    wanted = f"movielens-{wanted[3:]}" if wanted.startswith("ml-") else wanted
    for entry in CATALOGUE:
        if wanted == entry.name.lower().replace(" ", "-"):
            return entry
    known = ", ".join(repr(entry.name) for entry in CATALOGUE)
    raise ValueError(f"no data set {name!r} in the catalogue; known are {known}")
