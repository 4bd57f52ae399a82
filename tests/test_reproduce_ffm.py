"""FFM's results: libFFM's digits, four models on the same rows, and where early stopping ends."""

import json

import numpy as np
import pytest
from report_page import Page, read

import hogwild.reproduce as reproduce
from hogwild.data import FieldRows, generate_fields
from hogwild.errors import DataError
from hogwild.models import fit_ffm
from hogwild.reproduce import ffm_curves, ffm_data, ffm_golden, ffm_models, ffm_published
from hogwild.reproduce.ffm_models import Fitted
from hogwild.reproduce.ffm_plan import Plan
from hogwild.reproduce.parts import shown

TINY = Plan(
    shape=(300, 4, 24), epochs=3, most=4, bins=64, fm_factors=(2,), factors=(1, 4),
    regs=(2e-5, 2e-3), steps=(0.1, 0.5), example=3, timed=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny report: its folder, and what was said meanwhile."""
    said = []
    folder = tmp_path_factory.mktemp("ffm")
    reproduce.run(["ffm"], folder, said.append, plans={"ffm": TINY})
    return folder, said


@pytest.fixture
def found(made):
    return read(made[0])[1]["outcomes"]["ffm"]


# ---- libFFM's example --------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_libffms_losses_come_out_to_all_digits_and_two_workers_near_them(shared_data):
    golden = ffm_golden.measure(shared_data)
    assert (golden.equal, golden.rows, golden.features) == (10, 200, 9991)
    assert golden.apart < 0.003
    table = ffm_golden.section(golden).tables[0]
    for (epoch, training, printed, validation, their_validation, _), pair in zip(
        table.rows, ffm_published.GOLDEN, strict=True
    ):
        assert (printed, their_validation) == pair
        assert (round(training, 5), round(validation, 5)) == pair
        assert 1 <= epoch <= 5
    assert max(map(len, ffm_golden.summary(golden))) <= 80


def test_a_digit_that_differs_is_counted():
    losses = list(ffm_published.GOLDEN)
    golden = ffm_golden.Golden(200, 9991, losses, losses)
    assert (golden.equal, golden.apart) == (10, 0.0)
    off = ffm_golden.Golden(200, 9991, [(1.12421, 0.88889), *losses[1:]], losses)
    assert off.equal == 9


@pytest.mark.parametrize("where", [".", "ffm"])
def test_the_pair_is_found_where_it_lies(tmp_path, where):
    with pytest.raises(DataError, match=r"bigdata\.tr\.txt") as caught:
        ffm_data.plan_with(tmp_path)
    assert str(tmp_path) in str(caught.value)
    (tmp_path / where).mkdir(exist_ok=True)
    for name in (ffm_data.TRAINING, ffm_data.TEST):
        (tmp_path / where / name).write_text("1 0:1:1 1:2:1\n0 0:0:1\n")
    assert ffm_data.plan_with(tmp_path).data == tmp_path
    training, test = ffm_data.pair(tmp_path)
    assert (len(training), len(test), training.n_features) == (2, 2, 3)


# ---- the same rows for four models -------------------------------------------------------------


def test_rows_stay_as_they_were_when_a_linear_model_takes_them():
    rows = generate_fields(50, 4, 30, seed=1)
    before = rows.features.copy(), rows.values.copy(), rows.indptr.copy()
    ffm_data.features(rows)
    ffm_data.pairs(rows, 100)
    for array, kept in zip((rows.features, rows.values, rows.indptr), before, strict=True):
        assert np.array_equal(array, kept)


def test_pairs_are_the_same_whatever_the_order_and_different_for_different_features():
    one = FieldRows.of_lists([[(0, 3, 1), (1, 5, 1)]], [1], n_features=9)
    two = FieldRows.of_lists([[(0, 5, 1), (1, 3, 1)]], [1], n_features=9)
    other = FieldRows.of_lists([[(0, 5, 1), (1, 4, 1)]], [1], n_features=9)
    bins = [ffm_data.pairs(rows, 2**18).indices.tolist() for rows in (one, two, other)]
    assert bins[0] == bins[1] != bins[2]
    assert 0 <= bins[0][0] < 2**18


def test_rows_have_length_one_and_labels_libffms_signs():
    rows = FieldRows.of_lists([[(0, 0, 3), (1, 1, 4)], [(0, 0, 2)], []], [2, 0.7, -1])
    found = ffm_data.features(rows)
    assert found.data.tolist() == pytest.approx([0.6, 0.8, 1.0])
    assert found.y.tolist() == [1.0, -1.0, -1.0]
    assert len(ffm_data.pairs(rows, 10).indices) == 1


def test_log_loss_is_that_of_the_probabilities():
    rows = generate_fields(200, 4, 30, seed=0)
    model = fit_ffm(rows, epochs=2, schedule="serial", seed=0).model
    p = model.predict_proba(rows)
    y = ffm_data.signs(rows)
    by_hand = -np.log(np.where(y > 0, p, 1.0 - p)).mean()
    assert ffm_models.log_loss(model, rows, y) == pytest.approx(by_hand, rel=1e-6)


def test_of_several_settings_that_counts_which_is_best_on_validation_rows():
    rows = [Fitted(name, "", 1, 1.0, 0.5, 0.6) for name in ffm_published.MODELS]
    rows += [Fitted("FM", "", 1, 1.0, 0.4, 0.7), Fitted("FFM", "", 1, 1.0, 0.6, 0.1)]
    assert ffm_models.best_of(rows) == {"LM": 0.6, "Poly2": 0.6, "FM": 0.7, "FFM": 0.6}


@pytest.mark.timeout(120)
def test_a_field_aware_machine_is_best_on_rows_made_by_one():
    plan = Plan(shape=(3000, 5, 40), fm_factors=(4,), most=12, held=0.2)
    losses = ffm_models.best_of(ffm_models.measure(ffm_data.made(plan), plan, lambda line: None))
    assert min(losses, key=losses.get) == "FFM"


# ---- early stopping ----------------------------------------------------------------------------


def test_the_epoch_kept_is_the_one_auto_stop_keeps():
    split = ffm_data.made(Plan(shape=(400, 4, 60)))
    settings = {
        "step": 0.5, "epochs": 12, "schedule": "serial", "seed": 0, "validation": split.validation,
    }  # fmt: skip
    whole = fit_ffm(split.train, **settings)
    stopped = fit_ffm(split.train, auto_stop=True, **settings)
    losses = [record.validation_loss for record in whole.history]
    assert stopped.stopped == "auto_stop"
    assert ffm_curves.first_rise(losses) == stopped.best_epoch < 12


def test_published_figures_are_as_they_are_told_in_words():
    example = ffm_published.EXAMPLE
    validation = [va for _, va in example]
    assert ffm_curves.first_rise(validation) == ffm_published.STOPPED == 7
    assert validation[14] - min(validation) == pytest.approx(0.0175, abs=5e-5)
    losses = [loss for _, loss in ffm_published.FACTORS.values()]
    assert max(losses) - min(losses) == pytest.approx(0.0008, abs=5e-5)
    for data in ("Criteo", "Avazu"):
        rows = [row for row in ffm_published.TABLE_3 if row.data == data]
        assert min(rows, key=lambda row: row.loss).model == "FFM"
        assert max(rows, key=lambda row: row.loss).model == "LM"


# ---- the report --------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_the_report_holds_all_parts_and_published_figures_are_marked(found):
    titles = " ".join(section["title"] for section in found["sections"])
    for part in ("what differs", "LM, Poly2", "factors", "early stopping", "readme", "worker"):
        assert part in titles
    assert "libFFM's example" not in titles
    assert found["data"]["golden"] is None
    captions = [t["caption"] for section in found["sections"] for t in section["tables"]]
    assert sum("Published" in caption and "other data" in caption for caption in captions) == 2
    assert [each["model"] for each in found["data"]["models"]] == ["LM", "Poly2", "FM", "FFM"]
    assert [each["n_workers"] for each in found["data"]["threads"]] == [1, 2]
    assert all(np.isfinite(each["test"]) for each in found["data"]["models"])


def test_the_tables_are_made_of_the_runs(found):
    tables = {t["caption"]: t for section in found["sections"] for t in section["tables"]}
    by_k = tables["Seconds an epoch and best validation loss by k"]["rows"]
    for run, row in zip(found["data"]["curves"]["factors"], by_k, strict=True):
        assert row[:4] == [run["k"], run["seconds"], run["best"], min(run["validation"])]
        assert row[4:] == list(ffm_published.FACTORS[run["k"]])
    others = tables["Published: Table 4, other data; last row ours"]["rows"]
    tests = {each["model"]: each["test"] for each in found["data"]["models"]}
    assert others[-1][1:] == [tests[name] for name in ffm_published.MODELS]
    assert {row[0]: tuple(row[1:]) for row in others[:-1]} == ffm_published.OTHERS


def test_the_page_shows_the_numbers_of_the_json_and_fits_a_terminal(made, found):
    text, _ = read(made[0])
    page = Page(text)
    assert (page.loads, page.open) == ([], [])
    tables = [table for section in found["sections"] for table in section["tables"]]
    for on_page, table in zip(page.tables, tables, strict=True):
        formats = [column["format"] for column in table["columns"]]
        for cells, row in zip(on_page[1:], table["rows"], strict=True):
            assert cells == [shown(v, form) for v, form in zip(row, formats, strict=True)]
    assert max(len(line) for line in made[1] if str(made[0]) not in line) <= 80


@pytest.mark.timeout(120)
def test_with_the_pair_the_report_names_the_command_and_not_the_folder(tmp_path, shared_data):
    import dataclasses

    plan = dataclasses.replace(TINY, data=shared_data)
    reproduce.run(["ffm"], tmp_path, lambda line: None, plans={"ffm": plan})
    page, found = read(tmp_path)
    assert found["commands"] == ["hogwild reproduce ffm --data DIR"]
    assert found["outcomes"]["ffm"]["data"]["golden"]["equal"] == 10
    assert str(shared_data) not in page + json.dumps(found)
    assert "libFFM's example, digit by digit" in page.replace("&#x27;", "'")
