"""What goes in: checked records, readers and writers of text formats, generators."""

from hogwild.data.examples import Examples
from hogwild.data.libsvm import read_libsvm, write_libsvm

__all__ = ["Examples", "read_libsvm", "write_libsvm"]
