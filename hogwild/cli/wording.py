"""The package's sentences as the command line has to say them: ``--ids str`` for ``ids='str'``.

Contract: arguments of the package's functions become the options of the same meaning; everything
else, quoted text above all, stays as it is.

Called by ``cli`` for every error and warning that it prints.
"""

import re

from hogwild.errors import DataError

OPTIONS = {
    "n_workers": "workers", "n_factors": "factors", "n_features": "n-features",
    "max_features": "n-features", "max_fields": "n-fields",
    **{
        name: name.replace("_", "-")
        for name in (
            "batch_size", "bias", "biases", "checkpoint", "checkpoint_every", "columns",
            "coordination", "delimiter", "dtype", "duplicates", "epochs", "format", "grid",
            "header", "ids", "kernel", "layout", "linear", "local_step", "loss", "n_fetch",
            "n_push", "nonnegative", "order", "patience", "portion", "reg", "reg_l1", "replicas",
            "resume", "schedule", "seed", "shards", "start", "strata", "tol", "trace", "warm_start",
            "write", "zero_based",
        )
    },
}  # fmt: skip
"""Arguments that are options, by the options' names."""

PHRASES = (
    ("; fold_in takes a new user's ratings", ""),
    ("columns=(user, item, rating), or header=False", "--columns USER,ITEM,RATING, or --no-header"),
    ("it needs by_level=True", "leave out --no-levels"),
    ("which evaluate=False does not take", "which are not taken here"),
    ("(step=", "(step "),
)
"""What a rule would not say well."""

ARGUMENT = re.compile(r"""(?<!['"\w])([a-z_0-9]+)=('[^']*'|"[^"]*"|\([^()]*\)|[\w.+-]*\w)""")
BOUND = re.compile(r"(^|; )([a-z_0-9]+)(?= must be )")


def sentence_of(error: Exception) -> str:
    """Return an error's sentence; the place of a DataError, a file's name, stays as it is."""
    if isinstance(error, DataError):
        return str(DataError(spoken(error.reason), path=error.path, line=error.line))
    return spoken(str(error))


def spoken(text: str) -> str:
    """Return a sentence of the package's in the command line's words.

    Examples
    --------
    >>> spoken("the user id must be an integer; pass ids='str', or header=False")
    'the user id must be an integer; pass --ids str, or --no-header'
    >>> spoken("the checkpoint has done 93 epochs; epochs must be 93 or more")
    'the checkpoint has done 93 epochs; --epochs must be 93 or more'
    >>> spoken("several columns 'seed=3' in the header")
    "several columns 'seed=3' in the header"
    """
    for phrase, words in PHRASES:
        text = text.replace(phrase, words)
    return BOUND.sub(_bound, ARGUMENT.sub(_argument, text))


def _argument(found: re.Match[str]) -> str:
    name, value = found.groups()
    if name not in OPTIONS:
        return found[0]
    option = OPTIONS[name]
    if value in ("True", "False"):
        return f"--{option}" if value == "True" else f"--no-{option}"
    if value.startswith("("):
        mark = "x" if name == "grid" else ","
        value = mark.join(part.strip() for part in value[1:-1].split(","))
    return f"--{option} {value.strip(chr(39) + chr(34))}"


def _bound(found: re.Match[str]) -> str:
    before, name = found.groups()
    return f"{before}--{OPTIONS[name]}" if name in OPTIONS else found[0]
