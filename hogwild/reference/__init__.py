"""The programs of the articles on a page each: slow, short, numpy only; for tests and lessons.

===================== =========================================================================
``linear``            plain SGD for linear models, what the kernels do to the bit
``hogwild``           the post's Hogwild! program
``factors``           plain SGD for the factors of a matrix of ratings
``dsgd``              the same on blocks, with a barrier after each pattern
``hogwild_factors``   the same at random, with collisions
``fpsgd``             the same on free blocks
``levels``            which ratings can be done together
``gradient_descent``  Spark MLlib's mini-batch gradient descent, its losses and penalties
``lbfgs``             Spark MLlib's L-BFGS
``ffm``               libFFM: field-aware factorization machines, with its random numbers
``downpour``          Downpour SGD: replicas, shards, and the staleness between them
``sandblaster``       its sister: L-BFGS over shards, portions for whoever is free, backups
``lessons``           what the workers of the lessons run
===================== =========================================================================
"""

__all__ = [
    "downpour",
    "dsgd",
    "factors",
    "ffm",
    "fpsgd",
    "gradient_descent",
    "hogwild",
    "hogwild_factors",
    "lbfgs",
    "lessons",
    "levels",
    "linear",
    "sandblaster",
]
