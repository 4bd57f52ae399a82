"""How the pages are built: Sphinx, MyST-NB for the lessons, no request to any other host.

Formulas become MathML when the pages are built, so they can be read from a file without a network.
"""

import importlib
import os
import sys
from html import escape
from pathlib import Path

from docutils.parsers.rst.states import Inliner
from latex2mathml.converter import convert
from myst_nb.core import render as notebooks
from myst_nb.core.utils import coalesce_streams
from sphinx.ext.napoleon import NumpyDocstring

import hogwild

# ---- what is built -----------------------------------------------------------------------------

project = "hogwild"
author = "The hogwild developers"
copyright = "The hogwild developers, BSD-3-Clause"
release = version = hogwild.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = [
    "_build",
    "conf.py",
    "jupyter_execute",
    "**/__pycache__",
    "**/.ipynb_checkpoints",
]

# ---- lessons: docs/tutorials is a link to tutorials/, each file a notebook in py:percent ---------

nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
# Not "cache": its key is the lesson's text alone, so a change of the package would go unseen.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_merge_streams = True
# `python -m hogwild` in a page means the interpreter that builds the pages. Pages say it under
# %%bash: unlike `!`, that fails when the command fails.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# ---- the API pages -----------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings tell the types, with shapes and units
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# "float array, shape (n_users, k)" is text: its words name attributes of several classes.
suppress_warnings = ["ref.python"]
napoleon_custom_sections = [("Parameters of the returned function", "params_style")]


def keep_bar(inliner, match, lineno):
    """Take a bar as it stands: in our docstrings |w| is a size, never a substitution."""
    end = match.end("start")
    return match.string[:end], [], match.string[end:], []


Inliner.dispatch["|"] = keep_bar

parse_attributes = NumpyDocstring._parse_attributes_section


def attributes_of_a_kind(docstring, section):
    """Write `a, b : int` among attributes as two, as napoleon does among parameters."""
    consume = docstring._consume_fields
    docstring._consume_fields = lambda: consume(multiple=True)
    try:
        return parse_attributes(docstring, section)
    finally:
        del docstring._consume_fields


NumpyDocstring._parse_attributes_section = attributes_of_a_kind

# ---- how it looks ------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"hogwild {release}"
html_static_path = ["_static"]
html_css_files = ["hogwild.css"]
html_show_sphinx = False
html_copy_source = False
highlight_language = "none"  # code says its language; formulas and drawings have none
pygments_style = "friendly"
pygments_dark_style = "monokai"

html_math_renderer = "mathml"


def write_inline_math(writer, node):
    """Write a formula within a line."""
    writer.body.append(convert(node.astext()))


def write_display_math(writer, node):
    """Write a formula on a line of its own, with its number where it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(convert(node.astext(), display="block"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({escape(str(node["number"]))})</span>')
    writer.body.append("</div>\n")


def skip_children(write):
    """Tell Sphinx that the formula is written and has no parts left."""
    from docutils.nodes import SkipNode

    def visit(writer, node):
        write(writer, node)
        raise SkipNode

    return visit


def join_streams(outputs):
    """Join what a cell printed as it came: the merger ends a line after each piece."""
    joined, streams = [], {}
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
            continue
        joined.append(output.copy())
        if output["output_type"] == "stream":
            streams[output["name"]] = joined[-1]
    return coalesce_streams(joined)


notebooks.coalesce_streams = join_streams

PUBLIC = (
    "hogwild",
    *(f"hogwild.{part}" for part in ("data", "downpour", "engine", "kernels", "models", "metrics")),
)


def every_public_name_is_documented(app, env):
    """Fail the build on a public name that no API page shows."""
    from sphinx.util import logging

    objects = {entry[0] for entry in env.get_domain("py").get_objects()}
    ends = {name.rpartition(".")[2] for name in objects}
    for module_name in PUBLIC:
        for name in getattr(importlib.import_module(module_name), "__all__", ()):
            if name not in ends and not name.startswith("__"):
                logging.getLogger(__name__).warning("%s.%s is on no API page", module_name, name)


def setup(app):
    """Register the formulas' writer and the check of the API pages."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(skip_children(write_inline_math), None),
        block_renderers=(skip_children(write_display_math), None),
    )
    app.connect("env-check-consistency", every_public_name_is_documented)
