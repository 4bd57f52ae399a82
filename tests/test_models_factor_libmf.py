"""LIBMF's text model: written and read back to the bit, and refused with its line otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hogwild.errors import DataError
from hogwild.kernels.losses import FACTOR_LOSSES, Huber, Logistic, Squared, find_loss
from hogwild.models import factor_libmf
from hogwild.models.factor_libmf import CODES, read_libmf_model, write_libmf_model
from hogwild.models.factor_model import FactorModel

MODEL = FactorModel(
    np.array([[0.5, 0.25], [9.0, 9.0]], np.float32), np.array([[1.0, 2.0]], np.float32),
    mean=3.5, seen_users=np.array([True, False]),
)  # fmt: skip
TEXT = "f 0\nm 2\nn 1\nk 2\nb 3.5\np0 T 0.5 0.25 \np1 F 0 0 \nq0 T 1 2 \n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.txt"


def test_the_text_is_libmf_s_line_by_line(path):
    write_libmf_model(MODEL, path)
    assert path.read_text() == TEXT


def test_the_text_is_read_as_the_model_it_says(path):
    path.write_text(TEXT)
    model = read_libmf_model(path)
    assert (model.P.dtype, model.P.tolist()) == (np.float32, [[0.5, 0.25], [0.0, 0.0]])
    assert model.Q.tolist() == [[1.0, 2.0]]
    assert (model.mean, model.loss, model.biased) == (3.5, Squared(), False)
    assert (model.seen_users.tolist(), model.seen_items.tolist()) == ([True, False], [True])
    assert model.predict([0, 1, 2], 0).tolist() == [1.0, 3.5, 3.5]


@pytest.mark.parametrize(
    "old, new",
    [
        ("f 0\n", ""),
        (" \n", "\n"),
        ("\n", "\n\n"),
        ("\n", "\r\n"),
        ("F 0 0", "F nan nan"),
        ("F 0 0", "T nan -nan"),
    ],
)
def test_other_writers_forms_are_read_too(path, old, new):
    path.write_bytes(TEXT.replace(old, new).encode())
    model = read_libmf_model(path)
    assert model.P.tolist() == [[0.5, 0.25], [0.0, 0.0]]
    assert model.seen_users.tolist() == [True, False]
    assert model.loss == Squared()


@st.composite
def models(draw):
    m, n, k = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    dtype, width = draw(st.sampled_from([(np.float32, 32), (np.float64, 64)]))
    numbers = st.floats(allow_nan=False, allow_infinity=False, width=width)
    arrays = lambda *shape: draw(hnp.arrays(dtype, shape, elements=numbers))  # noqa: E731
    return FactorModel(
        arrays(m, k), arrays(n, k), mean=draw(st.floats(-1e3, 1e3)),
        seen_users=draw(hnp.arrays(bool, m)), seen_items=draw(hnp.arrays(bool, n)),
        loss=draw(st.sampled_from([find_loss(name, FACTOR_LOSSES) for name in
                                   ("squared", "absolute", "kl", "logistic", "hinge")])),
    )  # fmt: skip


@given(model=models())
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back_to_the_same_bits(tmp_path_factory, model):
    path = tmp_path_factory.mktemp("model") / "m.txt"
    write_libmf_model(model, path)
    again = read_libmf_model(path, dtype=model.P.dtype)
    assert again.P[model.seen_users].tobytes() == model.P[model.seen_users].tobytes()
    assert again.Q[model.seen_items].tobytes() == model.Q[model.seen_items].tobytes()
    assert (again.P.shape, again.Q.shape) == (model.P.shape, model.Q.shape)
    assert again.seen_users.tolist() == model.seen_users.tolist()
    assert again.seen_items.tolist() == model.seen_items.tolist()
    assert (again.mean, again.loss) == (model.mean, model.loss)


def test_numbers_between_the_ids_are_rows_without_ratings(path, monkeypatch):
    ids = np.array([6, 0, 3])
    model = FactorModel(
        np.array([[1.0], [2.0], [3.0]]), np.ones((1, 1)), user_ids=ids, mean=0.5,
        seen_users=np.array([True, True, False]),
    )  # fmt: skip
    for at_a_time in (1, 3, 4096):
        monkeypatch.setattr(factor_libmf, "_ROWS_AT_A_TIME", at_a_time)
        write_libmf_model(model, path)
        again = read_libmf_model(path)
        assert again.seen_users.tolist() == [True, False, False, False, False, False, True]
        assert again.predict(range(8), 0).tolist() == model.predict(range(8), 0).tolist()


def test_biases_are_refused_or_folded_into_two_more_factors(path):
    random = np.random.default_rng(0)
    model = FactorModel(
        random.normal(size=(4, 3)), random.normal(size=(5, 3)), user_bias=random.normal(size=4),
        item_bias=random.normal(size=5), mean=3.5, seen_items=np.arange(5) != 2,
    )  # fmt: skip
    with pytest.raises(ValueError, match="LIBMF's format has no biases; fold_biases=True writes"):
        write_libmf_model(model, path)
    assert not path.exists()
    write_libmf_model(model, path, fold_biases=True)
    again = read_libmf_model(path, dtype=np.float64)
    assert (again.n_factors, again.biased) == (5, False)
    u, i = np.divmod(np.arange(20), 5)
    known = i != 2
    assert again.predict(u, i)[known] == pytest.approx(model.predict(u, i)[known], rel=1e-14)
    assert (again.predict(u, i)[~known] == 3.5).all()  # the user's bias is lost there


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"user_ids": np.array(["a", "b"])}, "users are numbers from 0; the ids are text, such"),
        (
            {"user_ids": np.array([3, -1])},
            "users are numbers from 0 to 2147483646; found the id -1",
        ),
        ({"user_ids": np.array([3, 2**40])}, "found the id 1099511627776"),
        ({"loss": Huber()}, r"LIBMF has no loss Huber\(delta=1.0\); it has Squared\(\), Absolute"),
    ],
)
def test_what_the_format_has_no_place_for_is_refused(path, changes, reason):
    with pytest.raises(ValueError, match=reason):
        write_libmf_model(FactorModel(MODEL.P, MODEL.Q, **changes), path)
    assert not path.exists()


def test_every_loss_of_libmf_s_is_known_by_its_number(path):
    for code, loss in CODES.items():
        path.write_text(TEXT.replace("f 0", f"f {code}"))
        assert read_libmf_model(path).loss == loss
    write_libmf_model(FactorModel(MODEL.P, MODEL.Q, loss=Logistic()), path)
    assert path.read_text().startswith("f 5\n")


BROKEN = [
    ("p1 F 0 0", "p2 F 0 0", 7, r"expected 'p1', T or F, and 2 numbers, got 'p2 F 0 0'"),
    ("p0 T 0.5 0.25", "p0 T 0.5", 6, r"got 'p0 T 0.5' \(3 fields\)"),
    ("p0 T 0.5 0.25", "p0 T 0.5 0.25 1", 6, r"\(5 fields\)"),
    ("p0 T", "p0 X", 6, "expected 'p0', T or F"),
    ("0.25", "x", 6, "could not convert string to float: b'x'"),
    ("0.25", "inf", 6, "the factors of p0 must be finite; did the training diverge"),
    ("0.25", "nan", 6, "the factors of p0 must be finite"),
    ("q0 T 1 2", "q0 T 1 2\nq1 T 1 2", 9, "nothing should come after the last row, got 'q1"),
    ("q0 T 1 2 \n", "", None, "the file ends where q0 of 1 should come"),
    ("m 2\n", "", None, "it should begin with lines f, m, n, k and b; m is missing"),
    ("m 2\nn 1\n", "", None, "m, n are missing"),
    ("m 2", "m two", 2, "expected 'm' and a whole number of 0 or more, got 'm two'"),
    ("m 2", "m -2", 2, "expected 'm' and a whole number"),
    ("m 2", "m 99999999999", 2, "expected 'm' and a whole number"),
    ("m 2", "m", 2, "expected 'm' and a whole number"),
    ("b 3.5", "b nan", 5, "expected 'b' and a number, got 'b nan'"),
    ("f 0", "f 10", None, "the loss 10 of LIBMF has no counterpart here; known are 0, 1, 2"),
    (TEXT, "", None, "it should begin with lines f, m, n, k and b; m, n, k, b are missing"),
    (TEXT, "m 2\nn 1\nk 2\nb 1\n", None, "the file ends where p0 of 2 should come"),
    (TEXT, "1 2 3\n4 5 6\n", None, "not a model of LIBMF"),
]


@pytest.mark.parametrize("old, new, line, reason", BROKEN)
def test_a_broken_file_is_refused_with_its_line_and_the_reason(path, old, new, line, reason):
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=reason) as caught:
        read_libmf_model(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)


def test_a_compressed_model_is_read_as_it_is_and_an_empty_one_too(tmp_path):
    write_libmf_model(MODEL, tmp_path / "model.txt.gz")
    assert read_libmf_model(tmp_path / "model.txt.gz").P.tolist() == [[0.5, 0.25], [0.0, 0.0]]
    empty = FactorModel(np.zeros((0, 2)), np.zeros((0, 2)))
    write_libmf_model(empty, tmp_path / "empty.txt")
    assert read_libmf_model(tmp_path / "empty.txt").P.shape == (0, 2)
