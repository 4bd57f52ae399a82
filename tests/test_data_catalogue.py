"""The catalogue's figures are those of the files."""

import pytest

from hogwild.data import CATALOGUE, find_data_set, read_libsvm

FILES = {
    "a8a": "libsvm/a8a",
    "sample_libsvm_data": "mllib/sample_libsvm_data.txt",
    "sample_linear_regression_data": "mllib/sample_linear_regression_data.txt",
    "sample_multiclass_classification_data": "mllib/sample_multiclass_classification_data.txt",
}


@pytest.mark.parametrize("name", FILES)
def test_the_sizes_listed_are_those_of_the_files(name, shared_data):
    examples = read_libsvm(shared_data / FILES[name])
    entry = find_data_set(name)
    assert (entry.rows, entry.features) == (examples.n_rows, examples.n_features)


@pytest.mark.parametrize(
    "name, file, separator",
    [("MovieLens 100k", "ml-100k/u.data", "\t"), ("MovieLens 1M", "ml-1m/ratings.dat", "::")],
)
def test_the_ratings_listed_are_those_of_the_files(name, file, separator, shared_data):
    with open(shared_data / file, encoding="ascii") as lines:
        items = [line.split(separator, 2)[1] for line in lines]
    entry = find_data_set(name)
    assert (entry.rows, entry.features) == (len(items), len(set(items)))


def test_every_entry_says_under_which_terms_and_where():
    assert all(entry.licence and entry.source and entry.form for entry in CATALOGUE)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'rcv1' in the catalogue; known are 'a8a'"):
        find_data_set("rcv1")
