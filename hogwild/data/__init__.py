"""What goes in: checked records, readers and writers of text formats, generators, a catalogue."""

from hogwild.data.catalogue import CATALOGUE, Archive, DataSet, find_data_set
from hogwild.data.examples import Examples
from hogwild.data.field_encoder import Binned, FieldEncoder, Hashed, Indexed, Scaled
from hogwild.data.field_rows import FieldRows
from hogwild.data.generate import blog_data, blog_start, sparse_classification
from hogwild.data.generate_fields import generate_fields
from hogwild.data.generate_ratings import MOVIELENS_SHAPES, generate_ratings
from hogwild.data.libffm import read_libffm, write_libffm
from hogwild.data.libsvm import read_libsvm, write_libsvm
from hogwild.data.movielens import find_movielens
from hogwild.data.ratings import Ratings
from hogwild.data.ratings_text import read_ratings
from hogwild.data.ratings_writer import write_ratings

__all__ = [
    "CATALOGUE",
    "MOVIELENS_SHAPES",
    "Archive",
    "Binned",
    "DataSet",
    "Examples",
    "FieldEncoder",
    "FieldRows",
    "Hashed",
    "Indexed",
    "Ratings",
    "Scaled",
    "blog_data",
    "blog_start",
    "find_data_set",
    "find_movielens",
    "generate_fields",
    "generate_ratings",
    "read_libffm",
    "read_libsvm",
    "read_ratings",
    "sparse_classification",
    "write_libffm",
    "write_libsvm",
    "write_ratings",
]
