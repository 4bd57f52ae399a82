"""What the Downpour paper, and its makers four years later, state about speed and stability.

Orderings, in our words, and no figures: the paper was read in translation, so whoever quotes it
should look at the original.  Dean et al., "Large Scale Distributed Deep Networks" (NIPS 2012),
sections 4.1 and 5; Chen, Monga, Bengio, Jozefowicz, "Revisiting Distributed Synchronous SGD",
arXiv:1604.00981 (2016), for the last one.

Called by ``downpour_stated``.
"""

REPLICAS = 200
"""Downpour's most, in the speech experiment."""

SLOWEST = "one replica is slower than Downpour with a fixed step"
FASTEST = "Downpour + AdaGrad, 200 replicas, is the fastest of all"
MISSES = "a fixed step often misses the target"
LARGER = "AdaGrad's step may be some ten times the best fixed one"
WARM = "AdaGrad and a warm start take away nearly all instability"
SYNCHRONOUS = "synchronous with a few backups is better than asynchronous"
