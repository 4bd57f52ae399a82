"""A linear model as PMML, the interchange format of the Data Mining Group, in the shape that Spark
gives it.

::

    PMML
    |-- Header              description; Application, Timestamp
    |-- DataDictionary      field_0 ... field_{d-1}, target
    `-- RegressionModel     MiningSchema: the same fields, and what they are for
        |-- RegressionTable     intercept and a NumericPredictor for each weight
        `-- RegressionTable     classifiers only: category "0", whose intercept is the threshold

Contract: elements, attributes and their order, and the text of the numbers are Spark's. Two things
are not: the application is this package, and the namespace is that of PMML 4.2, which is the
version that the root names. (Spark names 4.2 and takes the namespace of 4.3: a strict reader of
either refuses that.)

Called by the models' ``to_pmml``.
"""

import importlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from hogwild.data.textio import replacing
from hogwild.mllib.java_text import java_double

if TYPE_CHECKING:
    from hogwild.mllib.regression import GeneralizedLinearModel

VERSION, NAMESPACE = "4.2", "http://www.dmg.org/PMML-4_2"

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def to_pmml(
    model: "GeneralizedLinearModel", target: str | os.PathLike[str] | TextIO | None = None
) -> str | None:
    """Return the model as PMML 4.2, or write it.

    Parameters
    ----------
    model : GeneralizedLinearModel
    target : str, path-like or text stream, optional
        A file, which appears whole or not at all, or something with ``write``.

    Returns
    -------
    str or None
        The document, where there is no `target`.

    Raises
    ------
    ValueError
        For a model of more than two classes.

    Notes
    -----
    What is not finite is written as XML Schema has it: ``INF``, ``-INF``, ``NaN``.

    Examples
    --------
    >>> from hogwild.mllib.regression import LinearRegressionModel
    >>> print(to_pmml(LinearRegressionModel([0.5], 1e7)))
    <?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <PMML version="4.2" xmlns="http://www.dmg.org/PMML-4_2">
        <Header description="linear regression">
            <Application name="hogwild" version="..." />
            <Timestamp>...</Timestamp>
        </Header>
        <DataDictionary numberOfFields="2">
            <DataField name="field_0" optype="continuous" dataType="double" />
            <DataField name="target" optype="continuous" dataType="double" />
        </DataDictionary>
        <RegressionModel modelName="linear regression" functionName="regression">
            <MiningSchema>
                <MiningField name="field_0" usageType="active" />
                <MiningField name="target" usageType="target" />
            </MiningSchema>
            <RegressionTable intercept="1.0E7">
                <NumericPredictor name="field_0" coefficient="0.5" />
            </RegressionTable>
        </RegressionModel>
    </PMML>
    """
    root = _document(model)
    ElementTree.indent(root, "    ")
    text = _DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"
    if target is None:
        return text
    if isinstance(target, str | os.PathLike):
        with replacing(Path(target)) as file:  # as a Path, "-" is the name of a file
            file.write(text.encode())
    else:
        target.write(text)
    return None


def _document(model: "GeneralizedLinearModel") -> Element:
    tables = model.pmml_tables()  # first: it refuses what can't be exported
    fields = [f"field_{place}" for place in range(model.num_features)]
    root = Element("PMML", version=VERSION, xmlns=NAMESPACE)
    _add_header(root, model.pmml_name)
    _add_dictionary(root, fields, classifies=model.pmml_normalization is not None)
    function = "regression" if model.pmml_normalization is None else "classification"
    body = SubElement(root, "RegressionModel", modelName=model.pmml_name, functionName=function)
    if model.pmml_normalization is not None:
        body.set("normalizationMethod", model.pmml_normalization)
    schema = SubElement(body, "MiningSchema")
    for field in fields:
        SubElement(schema, "MiningField", name=field, usageType="active")
    SubElement(schema, "MiningField", name="target", usageType="target")
    for intercept, category, weights in tables:
        table = SubElement(body, "RegressionTable", intercept=_number(intercept))
        if category is not None:
            table.set("targetCategory", category)
        for field, weight in zip(fields, weights.tolist(), strict=False):
            SubElement(table, "NumericPredictor", name=field, coefficient=_number(weight))
    return root


def _add_header(root: Element, description: str) -> None:
    package = __name__.partition(".")[0]
    # not an import statement: the package's own names stand for layers above this one
    version = importlib.import_module(package).__version__
    header = SubElement(root, "Header", description=description)
    SubElement(header, "Application", name=package, version=version)
    SubElement(header, "Timestamp").text = datetime.now().isoformat(timespec="seconds")


def _add_dictionary(root: Element, fields: list[str], classifies: bool) -> None:
    dictionary = SubElement(root, "DataDictionary", numberOfFields=str(len(fields) + 1))
    for field in fields:
        SubElement(dictionary, "DataField", name=field, optype="continuous", dataType="double")
    kind = ("categorical", "string") if classifies else ("continuous", "double")
    SubElement(dictionary, "DataField", name="target", optype=kind[0], dataType=kind[1])


def _number(x: float) -> str:
    return java_double(x).replace("Infinity", "INF")
