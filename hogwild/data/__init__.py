"""What goes in: checked records, readers and writers of text formats, generators."""

from hogwild.data.examples import Examples

__all__ = ["Examples"]
