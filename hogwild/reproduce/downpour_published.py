"""What the Downpour paper, and its makers four years later, state about speed and stability.

Orderings, in our words, and no figures: the paper was read in translation, so whoever quotes it
should look at the original.  Dean et al., "Large Scale Distributed Deep Networks" (NIPS 2012),
sections 4.1 and 5; Chen, Monga, Bengio, Jozefowicz, "Revisiting Distributed Synchronous SGD",
arXiv:1604.00981 (2016), for the last one.

Called by ``downpour_stated``.
"""

SLOWEST = "one replica is slower than many, fixed step"
FASTEST = "Downpour + AdaGrad, 200 replicas, is fastest"
MISSES = "a fixed step often misses the target"
LARGER = "AdaGrad's step: perhaps ten times the fixed one"
WARM = "AdaGrad + warm start: hardly any instability"
SYNCHRONOUS = "synchronous with backups beats asynchronous"
