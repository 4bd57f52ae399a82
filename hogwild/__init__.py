"""Parallel stochastic gradient descent over weights in shared memory.

An *update* touches a few coordinates; a *schedule* says which updates may run at the same time;
*workers* apply them in place to *weights in shared memory*; a *trace* says what happened, so that
it can be checked and replayed.
"""

__version__ = "0.1.0"
