"""What goes in: checked records, readers and writers of text formats, generators, a catalogue."""

from hogwild.data.catalogue import CATALOGUE, DataSet, find_data_set
from hogwild.data.examples import Examples
from hogwild.data.generate import blog_data, blog_start, sparse_classification
from hogwild.data.libsvm import read_libsvm, write_libsvm
from hogwild.data.ratings import Ratings
from hogwild.data.ratings_text import read_ratings
from hogwild.data.ratings_writer import write_ratings

__all__ = [
    "CATALOGUE",
    "DataSet",
    "Examples",
    "Ratings",
    "blog_data",
    "blog_start",
    "find_data_set",
    "read_libsvm",
    "read_ratings",
    "sparse_classification",
    "write_libsvm",
    "write_ratings",
]
