"""A download is the known archive, whole, or one sentence and nothing on the disk."""

import contextlib
import hashlib
import http.server
import io
import json
import threading
import zipfile
from dataclasses import replace

import pytest

from hogwild.cli import main
from hogwild.data import CATALOGUE, MOVIELENS_SHAPES, Archive, fetch, find_data_set, find_movielens
from hogwild.data import read_ratings as read
from hogwild.errors import DataError

RATINGS = b"1::10::5::0\n3::10::4::0\n"


def packed(members):
    """Return a zip file that holds the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD = {"ml-1m/": b"", "ml-1m/README": b"terms", "ml-1m/ratings.dat": RATINGS, "ml-1m/x": b"x"}


@pytest.fixture
def server():
    """A web server on this machine: `pages` are what it gives, `asked` what it was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.asked.append(self.path)
            if self.path not in self.pages:
                self.send_error(404)
                return
            length, content = self.pages[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    Handler.pages, Handler.asked = {}, []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        Handler.url = f"http://127.0.0.1:{running.server_address[1]}"
        yield Handler
        running.shutdown()
        thread.join()


@pytest.fixture
def offer(server, monkeypatch):
    """Puts an archive on the server, and into the catalogue as MovieLens 1M."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def put(members=None, *, length=None, sent=None, **changes):
        content = packed(GOOD if members is None else members)
        server.pages["/ml-1m.zip"] = (
            len(content) if length is None else length,
            content if sent is None else content[:sent],
        )
        archive = Archive(
            f"{server.url}/ml-1m.zip",
            len(content),
            hashlib.sha256(content).hexdigest(),
            "ml-1m",
            ("ratings.dat", "README"),
        )
        entry = replace(find_data_set("ml-1m"), archive=replace(archive, **changes))
        monkeypatch.setattr(fetch, "find_data_set", lambda name: entry)
        return content

    return put


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


pytestmark = pytest.mark.timeout(60)


# ---- what comes ---------------------------------------------------------------------------------


def test_ratings_and_terms_come_and_nothing_else(offer, tmp_path):
    offer()
    path = fetch.fetch("movielens-1m", tmp_path / "new" / "data")
    assert path == tmp_path / "new" / "data" / "ml-1m" / "ratings.dat"
    assert files_in(tmp_path) == ["new/data/ml-1m/README", "new/data/ml-1m/ratings.dat"]
    assert len(read(path)) == 2


def test_what_is_there_is_not_downloaded_again(offer, server, tmp_path):
    offer()
    first = fetch.fetch("movielens-1m", tmp_path)
    assert fetch.fetch("movielens-1m", tmp_path) == first
    assert server.asked == ["/ml-1m.zip"]
    (tmp_path / "ml-1m" / "README").unlink()
    fetch.fetch("movielens-1m", tmp_path)
    assert server.asked == ["/ml-1m.zip"] * 2
    assert files_in(tmp_path) == ["ml-1m/README", "ml-1m/ratings.dat"]


def test_a_file_url_will_do(offer, tmp_path):
    content = offer()
    (tmp_path / "mirror.zip").write_bytes(content)
    path = fetch.fetch("movielens-1m", tmp_path / "to", url=(tmp_path / "mirror.zip").as_uri())
    assert path.read_bytes() == RATINGS


def test_progress_ends_at_the_whole(offer, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_BLOCK", 100)
    content = offer()
    told = []
    fetch.fetch("movielens-1m", tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (100, len(content))
    assert told[-1] == (len(content), len(content))


# ---- what does not ------------------------------------------------------------------------------

EVIL = {"ml-1m/README": b"terms", "../ratings.dat": b"evil", "/tmp/ratings.dat": b"evil"}

REFUSED = {
    "wrong checksum": ({"sha256": "0" * 64}, "the file there is not the one known: its sha256 is"),
    "a body cut short": ({"sent": 200}, "the download ended after 200 of [0-9]+ bytes"),
    "a body that is short as told": ({"sent": 200, "length": 200}, "ended after 200 of"),
    "a longer body": ({"size": 100}, "has more than the 100 bytes known"),
    "a missing member": ({"members": {"ml-1m/README": b""}}, "the archive lacks a file: .*ratings"),
    "members that climb out": ({"members": EVIL}, "the archive lacks a file"),
    "a member that is not the known": (
        {"member_sha256": (("README", "0" * 64),)},
        "README in it has the sha256",
    ),
    "no such page": ({"url": "/nothing.zip"}, "the server answered 404 Not Found"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_the_archive_is_refused_and_leaves_nothing(case, offer, server, tmp_path):
    changes, message = REFUSED[case]
    if "url" in changes:
        changes = {"url": server.url + changes["url"]}
    offer(**changes)
    with pytest.raises(DataError, match=message) as caught:
        fetch.fetch("movielens-1m", tmp_path)
    assert caught.value.path.startswith(server.url)
    assert list(tmp_path.iterdir()) == []


def test_members_that_climb_out_are_left_alone_where_the_others_are_good(offer, tmp_path):
    offer({**GOOD, "../evil": b"evil", "ml-1m/../../evil": b"evil"})
    fetch.fetch("movielens-1m", tmp_path / "in")
    assert files_in(tmp_path) == ["in/ml-1m/README", "in/ml-1m/ratings.dat"]


def test_a_file_that_is_no_archive_is_refused(offer, server, tmp_path):
    content = b"<html>Sign in to the hotel's network</html>"
    offer(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    server.pages["/ml-1m.zip"] = (len(content), content)
    with pytest.raises(DataError, match=r"the archive can't be unpacked \(File is not a zip file"):
        fetch.fetch("movielens-1m", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_silent_counts_as_gone(offer, server, tmp_path, monkeypatch):
    offer()
    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    done = threading.Event()

    def wait(self):
        done.wait(30)

    monkeypatch.setattr(server, "do_GET", wait)
    try:
        with pytest.raises(DataError, match="timed out"):
            fetch.fetch("movielens-1m", tmp_path)
    finally:
        done.set()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(offer, tmp_path):
    offer()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        fetch.fetch("movielens-1m", tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_only_sets_with_an_archive_can_be_downloaded(tmp_path):
    with pytest.raises(ValueError, match="a8a can't be downloaded; those that can are movielens-1"):
        fetch.fetch("a8a", tmp_path)
    with pytest.raises(ValueError, match="no data set 'netflix' in the catalogue"):
        fetch.fetch("netflix", tmp_path)


# ---- the command --------------------------------------------------------------------------------


def test_the_command_tells_terms_and_path(offer, tmp_path, capsys):
    offer()
    assert main(["data", "fetch", "movielens-1m", "--to", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'ml-1m' / 'ratings.dat'}\n"
    assert err.startswith("hogwild: movielens-1m: GroupLens terms: research use")
    assert main(["data", "fetch", "movielens-1m", "--to", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["path"], err) == (str(tmp_path / "ml-1m" / "ratings.dat"), "")


def test_without_a_network_the_command_says_one_sentence(offer, tmp_path, capsys):
    offer(url="http://127.0.0.1:1/ml-1m.zip")
    assert main(["data", "fetch", "movielens-1m", "--to", str(tmp_path), "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "hogwild: error: http://127.0.0.1:1/ml-1m.zip: can't be downloaded: Connection refused; "
        "is there a network?\n"
    )


def test_the_list_has_every_data_set(capsys):
    assert main(["data", "list", "--json"]) == 0
    sets = json.loads(capsys.readouterr().out)["data_sets"]
    assert [one["name"] for one in sets] == [entry.name for entry in CATALOGUE]
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert "movielens-20m\n    ratings, 20000263 rows, 138493 users, 26744 items\n" in out
    assert "\n    hogwild data fetch movielens-20m\n" in out
    assert max(map(len, out.splitlines())) <= 80


# ---- the catalogue, and what lies on the disk ---------------------------------------------------


def test_the_catalogue_and_the_shapes_say_the_same():
    for name, (n_users, n_items, n_ratings) in MOVIELENS_SHAPES.items():
        entry = find_data_set(name)
        assert (entry.users, entry.features, entry.rows) == (n_users, n_items, n_ratings)
        assert entry.archive.url.endswith(f"/{name}.zip")


@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_movielens_is_found_and_is_what_the_catalogue_says(name, shared_data):
    assert find_movielens(shared_data, name) == find_movielens(shared_data / name)
    found, path = find_movielens(shared_data / name)
    assert found == name
    assert path.parent == shared_data / name


def test_the_members_checksums_are_those_of_the_files(shared_data):
    for member, sha256 in find_data_set("ml-100k").archive.member_sha256:
        content = (shared_data / "ml-100k" / member).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256


@pytest.mark.parametrize(
    "file, name, folder",
    [
        ("ratings.dat", "ml-1m", "."),
        ("ratings.dat", "ml-10m", "ml-10M100K"),
        ("ratings.dat", "ml-10m", "ml-10m"),
        ("u.data", "ml-100k", "."),
        ("ratings.csv", "ml-20m", "ml-20m"),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_set_is_known_by_its_file_and_its_number_of_lines(file, name, folder, end, tmp_path):
    path = tmp_path / folder / file
    path.parent.mkdir(exist_ok=True)
    n_lines = MOVIELENS_SHAPES[name][2] + (name == "ml-20m")
    path.write_bytes(b"\n" * (n_lines - 1) + b"1" + end.encode())
    assert find_movielens(tmp_path) == (name, path)
    assert find_movielens(tmp_path, name) == (name, path)
    with open(path, "ab") as more:
        more.write(b"\n1")
    assert find_movielens(tmp_path) is None


def test_a_folder_without_movielens_and_one_that_is_missing_differ(tmp_path):
    assert find_movielens(tmp_path) is None
    with pytest.raises(FileNotFoundError):
        find_movielens(tmp_path / "none")
    with pytest.raises(ValueError, match=r"name must be one of 'ml-1m', .* got 'netflix'"):
        find_movielens(tmp_path, "netflix")
