"""The articles word for word: slow, short, numpy only; for tests and lessons."""
