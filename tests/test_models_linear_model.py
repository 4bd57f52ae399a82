"""A fitted model: what it predicts, and that its file holds all of it or is refused."""

import io
import json
import os
import threading
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.data import Examples
from hogwild.errors import DataError
from hogwild.kernels.losses import Hinge, Huber, Logistic, Squared
from hogwild.models import FactorModel, LinearModel

MODEL = LinearModel(np.array([1.0, -2.0, 0.5]), 0.25, Logistic(), (3.0, 7.0))
ROWS = [[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]]


def test_the_decision_is_w_x_plus_b():
    assert MODEL.decision_function(ROWS).tolist() == [1.25, -0.75]


@pytest.mark.parametrize("form", [np.array, sp.csr_matrix, sp.csc_array, sp.coo_matrix])
def test_every_form_of_rows_gives_the_same_decisions(form):
    found = MODEL.decision_function(form(ROWS))
    assert found.shape == (2,)
    assert found.tolist() == [1.25, -0.75]


def test_a_class_is_predicted_by_its_own_label_a_target_as_it_is():
    assert MODEL.predict(ROWS).tolist() == [7.0, 3.0]
    assert LinearModel(np.array([2.0])).predict([[1.5]]).tolist() == [3.0]


def test_a_decision_of_exactly_0_is_the_lower_label():
    assert LinearModel(np.zeros(1), 0.0, Hinge()).predict([[1.0]]).tolist() == [-1.0]


def test_probabilities_are_those_of_the_logistic_model_and_sum_to_1():
    p = MODEL.predict_proba(ROWS)
    assert p[:, 1] == pytest.approx(1 / (1 + np.exp([-1.25, 0.75])), rel=1e-15)
    assert p.sum(axis=1) == pytest.approx([1.0, 1.0], rel=1e-15)
    far = LinearModel(np.array([1.0]), 0.0, Logistic()).predict_proba([[800.0], [-800.0]])
    assert far.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_probabilities_of_another_loss_are_refused():
    with pytest.raises(ValueError, match="for the logistic loss only, not for Hinge"):
        LinearModel(np.zeros(1), 0.0, Hinge()).predict_proba([[1.0]])


def test_examples_may_lack_features_at_the_end_arrays_may_not():
    short = Examples([[1.0, 1.0]], [1.0])
    assert MODEL.decision_function(short).tolist() == [-0.75]
    with pytest.raises(ValueError, match="X has 2 features, the model has 3"):
        MODEL.predict([[1.0, 1.0]])
    with pytest.raises(ValueError, match="X has 4 features, the model has 3"):
        MODEL.predict(Examples([[1.0, 1.0, 1.0, 1.0]], [1.0]))


def test_a_single_row_is_no_matrix():
    with pytest.raises(ValueError, match=r"two dimensions, got shape \(3,\)"):
        MODEL.predict([1.0, 0.0, 0.0])


losses = st.sampled_from([Squared(), Huber(delta=0.3), Logistic(), Hinge()])
weights = hnp.arrays(
    st.sampled_from([np.float64, np.float32]), st.integers(0, 5),
    elements=st.floats(-(2.0**90), 2.0**90, width=32),
)  # fmt: skip
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(w=weights, b=finite, loss=losses, labels=st.tuples(finite, finite))
@settings(max_examples=40, deadline=None)
def test_a_file_gives_back_every_bit(tmp_path_factory, w, b, loss, labels):
    path = tmp_path_factory.mktemp("model") / "m.npz"
    LinearModel(w, b, loss, labels).save(path)
    again = LinearModel.load(path)
    assert again.w.dtype == w.dtype
    assert again.w.tobytes() == w.tobytes()
    assert np.float64(again.intercept).tobytes() == np.float64(b).tobytes()
    assert (again.loss, again.labels) == (loss, labels)


def test_the_file_is_named_as_asked_whatever_its_ending(tmp_path):
    MODEL.save(tmp_path / "model.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert LinearModel.load(str(tmp_path / "model.bin")).w.tolist() == MODEL.w.tolist()


def test_no_ending_of_the_name_compresses_it_and_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "model.npz.gz", tmp_path / "link.npz"
    real.write_bytes(b"")
    link.symlink_to(real)
    MODEL.save(link)
    assert link.is_symlink()
    MODEL.save(real)
    assert real.read_bytes()[:2] == b"PK"
    assert LinearModel.load(link).w.tolist() == MODEL.w.tolist()
    assert len([*tmp_path.iterdir()]) == 2


def test_a_hyphen_names_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    MODEL.save("-")
    assert LinearModel.load("-").w.tolist() == MODEL.w.tolist()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path, found = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
    reader.start()
    MODEL.save(path)
    reader.join(10)
    assert path.is_fifo()
    (tmp_path / "copy").write_bytes(found[0])
    assert LinearModel.load(tmp_path / "copy").w.tolist() == MODEL.w.tolist()


def test_a_loss_of_one_s_own_is_refused_when_saving_not_when_loading(tmp_path):
    class Doubled(Squared):
        pass

    with pytest.raises(ValueError, match=r"its loss is one of Squared, .*; got .*Doubled"):
        LinearModel(np.zeros(1), 0.0, Doubled()).save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    MODEL.save(path)
    before = path.read_bytes()

    def full(*args, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        LinearModel(np.zeros(9)).save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.npz"]
    assert path.read_bytes() == before


def test_an_intercept_that_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        LinearModel(np.zeros(1), float("nan")).save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        LinearModel.load(tmp_path / "none.npz")


def saved(path, w=MODEL.w, **changes):
    """A model file whose header has been tampered with."""
    MODEL.save(path)
    with np.load(path) as arrays:
        header = json.loads(arrays["header"].tobytes())
    header.update(changes)
    header = {key: value for key, value in header.items() if value is not None}
    np.savez(path, w=w, header=np.frombuffer(json.dumps(header).encode(), np.uint8))


TAMPERED = [
    ({"format": "other"}, "not a model of the format hogwild-linear"),
    ({"version": 2}, "version 2 of the format; this release reads 1"),
    ({"version": None}, "version None of the format"),
    ({"sha256": "0"}, "the weights are damaged: their checksum differs"),
    ({"sha256": None}, "the weights are damaged"),
    ({"w": MODEL.w + 1e-9}, "the weights are damaged"),
    ({"w": MODEL.w.astype("f4")}, "the weights are damaged"),
    ({"w": np.zeros((2, 2))}, "the weights are damaged"),
    ({"loss": "Perceptron"}, "the header is damaged"),
    ({"constants": {"delta": -1.0}}, "the header is damaged"),
    ({"constants": None}, "the header is damaged"),
    ({"labels": [1.0]}, "the header is damaged"),
    ({"intercept": "x"}, "the header is damaged"),
]


@pytest.mark.parametrize("changes, reason", TAMPERED, ids=str)
def test_a_file_that_was_changed_is_refused_by_its_name_and_the_reason(tmp_path, changes, reason):
    path = tmp_path / "m.npz"
    saved(path, **changes)
    with pytest.raises(DataError, match=reason) as caught:
        LinearModel.load(path)
    assert caught.value.path == str(path)


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    plain, other = io.BytesIO(), io.BytesIO()
    np.save(plain, np.zeros(3))
    np.savez(other, a=np.zeros(3))
    MODEL.save(path)
    whole = path.read_bytes()
    for content in (other.getvalue(), whole[:-30], whole[:100]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a model of this package"):
            LinearModel.load(path)
    for content in (b"", b"hello", plain.getvalue()):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"not an \.npz file$"):  # nothing on pickles
            LinearModel.load(path)


def test_a_factor_model_is_told_apart(tmp_path):
    FactorModel(np.ones((1, 1)), np.ones((1, 1))).save(tmp_path / "m.npz")
    with pytest.raises(DataError, match=r"holds a factor model; FactorModel.load reads it"):
        LinearModel.load(tmp_path / "m.npz")


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "m.npz"
    MODEL.save(path)
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored.files}
    np.savez(path, **{**kept, "w": np.array([print], dtype=object)})
    with pytest.raises(DataError, match=r"\(it holds Python objects\)$"):
        LinearModel.load(path)


@given(where=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_damaged_byte_is_noticed_or_changes_nothing(tmp_path_factory, where, value):
    path = tmp_path_factory.mktemp("model") / "m.npz"
    MODEL.save(path)
    content = bytearray(path.read_bytes())
    content[where % len(content)] = value
    path.write_bytes(content)
    try:
        again = LinearModel.load(path)
    except DataError:
        return
    assert again.w.tobytes() == MODEL.w.tobytes()
    assert (again.intercept, again.loss, again.labels) == (0.25, Logistic(), (3.0, 7.0))


@pytest.mark.slow
@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_every_single_damaged_byte_is_noticed_or_changes_nothing(tmp_path, flip):
    path = tmp_path / "m.npz"
    MODEL.save(path)
    whole = path.read_bytes()
    for where in range(len(whole)):
        path.write_bytes(whole[:where] + bytes([whole[where] ^ flip]) + whole[where + 1 :])
        try:
            again = LinearModel.load(path)
        except DataError:
            continue
        assert again.w.tobytes() == MODEL.w.tobytes()
        assert (again.intercept, again.loss, again.labels) == (0.25, Logistic(), (3.0, 7.0))


def test_a_zip_entry_that_claims_to_be_encrypted_is_refused_in_our_words(tmp_path):
    path = tmp_path / "m.npz"
    MODEL.save(path)
    whole = bytearray(path.read_bytes())
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the last entry in the directory
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"not a model of this package .*encrypted"):
        LinearModel.load(path)


def test_the_file_is_a_plain_zip_with_a_header_in_json(tmp_path):
    MODEL.save(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        assert sorted(archive.namelist()) == ["header.npy", "w.npy"]
        header = json.loads(np.load(io.BytesIO(archive.read("header.npy"))).tobytes())
    assert header["loss"] == "Logistic"
    assert header["intercept"] == 0.25
