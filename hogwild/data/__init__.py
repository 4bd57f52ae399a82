"""What goes in: checked records, readers and writers of text formats, generators."""

from hogwild.data.examples import Examples
from hogwild.data.generate import blog_data, blog_start, sparse_classification
from hogwild.data.libsvm import read_libsvm, write_libsvm

__all__ = [
    "Examples",
    "blog_data",
    "blog_start",
    "read_libsvm",
    "sparse_classification",
    "write_libsvm",
]
