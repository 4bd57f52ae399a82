"""PMML: Spark's documents element by element, the shape that the standard asks for, and files."""

import io
import json
import re
from datetime import datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hogwild
from hogwild.mllib.classification import LogisticRegressionModel, SVMModel
from hogwild.mllib.java_text import parse_java_double
from hogwild.mllib.pmml import NAMESPACE
from hogwild.mllib.regression import LassoModel, LinearRegressionModel, RidgeRegressionModel

INF, NAN = float("inf"), float("nan")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"

NAMES = {
    LogisticRegressionModel: "logistic regression",
    SVMModel: "linear SVM",
    LinearRegressionModel: "linear regression",
    LassoModel: "lasso regression",
    RidgeRegressionModel: "ridge regression",
}
CLASSIFIERS = (LogisticRegressionModel, SVMModel)


def outline(text):
    """Every element in document order: depth, name without namespace, attributes in order, text."""

    def walk(element, depth):
        name = element.tag.rpartition("}")[2]
        yield depth, name, list(element.attrib.items()), (element.text or "").strip()
        for child in element:
            yield from walk(child, depth + 1)

    return list(walk(ElementTree.fromstring(text), 0))


def without_origin(lines):
    """Without what names the program and the moment."""
    return [
        (depth, name, None if name == "Application" else attributes, "")
        for depth, name, attributes, _ in lines
    ]


@pytest.mark.parametrize(
    "key, model",
    [
        ("pmml_logistic", LogisticRegressionModel([0.5, 0.25], 0.1).set_threshold(0.7)),
        ("pmml_linear", LinearRegressionModel([0.5, 0.25], 0.1)),
        ("pmml_svm", SVMModel([0.5, 0.25], 0.1)),
    ],
)
def test_the_document_is_spark_s_element_by_element(shared_data, key, model):
    golden = json.loads((shared_data / "mllib_golden" / "errors_and_formats.json").read_text())
    expected = golden["formats"][key]
    found = model.to_pmml()
    assert without_origin(outline(found)) == without_origin(outline(expected))
    assert found.splitlines()[0] == expected.splitlines()[0]  # the XML declaration
    ours = re.sub(r" />", "/>", found).splitlines()
    same = [line for line in ours if line in expected.splitlines()]
    assert len(ours) - len(same) == 3  # the root's namespace, the application, the time


def test_the_namespace_is_that_of_the_version():
    text = LinearRegressionModel([0.5], 0.1).to_pmml()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.dmg.org/PMML-4_2}PMML"
    assert root.get("version") == "4.2"
    assert text.splitlines()[1] == f'<PMML version="4.2" xmlns="{NAMESPACE}">'
    assert {element.tag.partition("}")[0] for element in root.iter()} == {"{" + NAMESPACE}


# element: attributes in order, and then children in order; `*` repeated
SHAPE = {
    "PMML": (["version"], ["Header", "DataDictionary", "RegressionModel"]),
    "Header": (["description"], ["Application", "Timestamp"]),
    "Application": (["name", "version"], []),
    "Timestamp": ([], []),
    "DataDictionary": (["numberOfFields"], ["DataField*"]),
    "DataField": (["name", "optype", "dataType"], []),
    "MiningSchema": ([], ["MiningField*"]),
    "MiningField": (["name", "usageType"], []),
    "NumericPredictor": (["name", "coefficient"], []),
}
REGRESSION_SHAPE = SHAPE | {
    "RegressionModel": (["modelName", "functionName"], ["MiningSchema", "RegressionTable*"]),
    "RegressionTable": (["intercept"], ["NumericPredictor*"]),
}
CLASSIFICATION_SHAPE = SHAPE | {
    "RegressionModel": (
        ["modelName", "functionName", "normalizationMethod"],
        ["MiningSchema", "RegressionTable*"],
    ),
    "RegressionTable": (["intercept", "targetCategory"], ["NumericPredictor*"]),
}


def check_shape(element, shape):
    attributes, children = shape[element.tag.rpartition("}")[2]]
    assert list(element.attrib) == attributes
    pattern = "".join(
        f"(?:<{child[:-1]}>)*" if child.endswith("*") else f"<{child}>" for child in children
    )
    found = "".join(f"<{child.tag.rpartition('}')[2]}>" for child in element)
    assert re.fullmatch(pattern, found)
    for child in element:
        check_shape(child, shape)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("d", [0, 1, 3])
def test_each_model_has_the_shape_and_the_words_of_the_standard(kind, d):
    classifies = kind in CLASSIFIERS
    root = ElementTree.fromstring(kind(np.ones(d), 0.5).to_pmml())
    check_shape(root, CLASSIFICATION_SHAPE if classifies else REGRESSION_SHAPE)
    header, dictionary, model = root
    names = [f"field_{place}" for place in range(d)] + ["target"]
    assert header.get("description") == model.get("modelName") == NAMES[kind]
    assert dictionary.get("numberOfFields") == str(d + 1)
    assert [field.get("name") for field in dictionary] == names
    kinds = [(field.get("optype"), field.get("dataType")) for field in dictionary]
    last = ("categorical", "string") if classifies else ("continuous", "double")
    assert kinds == [("continuous", "double")] * d + [last]
    assert [field.get("name") for field in model[0]] == names
    assert [field.get("usageType") for field in model[0]] == ["active"] * d + ["target"]
    assert model.get("functionName") == ("classification" if classifies else "regression")
    method = {LogisticRegressionModel: "logit", SVMModel: "none"}
    assert model.get("normalizationMethod") == method.get(kind)
    categories = [table.get("targetCategory") for table in model[1:]]
    assert categories == (["1", "0"] if classifies else [None])
    assert [len(table) for table in model[1:]] == ([d, 0] if classifies else [d])


def pivot(model):
    return ElementTree.fromstring(model.to_pmml())[2][2].get("intercept")


# as Spark 3.5.9 writes them
@pytest.mark.parametrize(
    "threshold, text",
    [
        (0.0, "-1.7976931348623157E308"),
        (-1.0, "-1.7976931348623157E308"),
        (1.0, "1.7976931348623157E308"),
        (INF, "1.7976931348623157E308"),
        (1e-320, "-INF"),
        (NAN, "NaN"),
        (0.5, "-0.0"),
        (0.7, "0.8472978603872036"),
        (0.9999999999999999, "36.04365338911715"),
    ],
)
def test_the_other_class_of_a_logistic_model_has_the_threshold_s_margin(threshold, text):
    assert pivot(LogisticRegressionModel([1.0], 0.0).set_threshold(threshold)) == text


@pytest.mark.parametrize("threshold, text", [(-0.0, "-0.0"), (INF, "INF"), (-3, "-3.0")])
def test_the_other_class_of_an_svm_has_the_threshold(threshold, text):
    assert pivot(SVMModel([1.0], 0.0).set_threshold(threshold)) == text


def test_a_cleared_threshold_is_written_as_one_half_and_as_zero():
    assert pivot(LogisticRegressionModel([1.0], 0.0).clear_threshold()) == "-0.0"
    assert pivot(SVMModel([1.0], 0.0).clear_threshold()) == "0.0"


def test_what_is_not_finite_is_written_as_xml_schema_has_it():
    table = ElementTree.fromstring(RidgeRegressionModel([NAN, INF, -0.0], -INF).to_pmml())[2][1]
    assert table.get("intercept") == "-INF"
    assert [predictor.get("coefficient") for predictor in table] == ["NaN", "INF", "-0.0"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5), st.floats(-9, 9))
def test_the_numbers_read_back_are_the_model_s(weights, intercept):
    table = ElementTree.fromstring(LassoModel(weights, intercept).to_pmml())[2][1]
    assert parse_java_double(table.get("intercept")) == intercept
    assert [parse_java_double(entry.get("coefficient")) for entry in table] == weights
    assert [entry.get("name") for entry in table] == [f"field_{i}" for i in range(len(weights))]


def test_the_header_names_this_package_and_the_moment():
    before = datetime.now().replace(microsecond=0)
    header = ElementTree.fromstring(SVMModel([1.0], 0.0).to_pmml())[0]
    assert header[0].attrib == {"name": "hogwild", "version": hogwild.__version__}
    assert re.fullmatch(TIME, header[1].text)
    assert before <= datetime.fromisoformat(header[1].text) <= before + timedelta(minutes=2)


def test_more_than_two_classes_are_refused_and_no_file_is_made(tmp_path):
    model = LogisticRegressionModel([1, 0, 0, 1], 0.0, 2, 3)
    with pytest.raises(ValueError, match=r"two classes only.*multinomial.*num_classes=3"):
        model.to_pmml(tmp_path / "model.pmml")
    assert list(tmp_path.iterdir()) == []


def same_but_for_the_time(found, expected):
    return re.sub(TIME, "", found) == re.sub(TIME, "", expected)


@pytest.mark.parametrize("form", [str, lambda path: path])
def test_a_file_gets_the_same_text_and_replaces_an_older_one(tmp_path, form):
    model, path = SVMModel([1.0], 0.0), tmp_path / "model.pmml"
    path.write_text("old")
    assert model.to_pmml(form(path)) is None
    assert same_but_for_the_time(path.read_text("utf-8"), model.to_pmml())
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pmml"]


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model.pmml"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        SVMModel([1.0], 0.0).to_pmml(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pmml"]


def test_a_text_stream_gets_the_same_text_and_stays_open():
    model, stream = LinearRegressionModel([1.0], 0.0), io.StringIO()
    assert model.to_pmml(stream) is None
    assert same_but_for_the_time(stream.getvalue(), model.to_pmml())
