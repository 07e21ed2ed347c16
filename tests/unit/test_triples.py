"""Triples from text files: what is read, what is left out and counted, and what is refused, where."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from malformed import GOOD, MALFORMED

from nbbilinear.errors import DataError
from nbbilinear.kg import lines
from nbbilinear.kg.folder import distinct, read_folder

END = "; expected head TAB relation TAB tail, in UTF-8"
NAMES = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def folder(place, train=GOOD, valid=GOOD[:14], test=GOOD[14:], end="tsv"):
    for part, content in (("train", train), ("valid", valid), ("test", test)):
        (place / f"{part}.{end}").write_bytes(content)
    return place


def words(graph, part="train"):
    rows = getattr(graph, part)
    return [(graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in rows]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_refused_with_file_line_and_column(case, part, tmp_path):
    content, said = MALFORMED[case]
    with pytest.raises(DataError) as refused:
        read_folder(folder(tmp_path, **{part: content}))
    assert str(refused.value).startswith(f"{tmp_path / part}.tsv{said}")
    assert END in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_file_without_line_ends_is_not_read_into_memory(tmp_path):
    import tracemalloc

    folder(tmp_path, b"x\t" * 10_000_000)
    tracemalloc.start()
    with pytest.raises(DataError):
        read_folder(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD[:-1],
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        b"\xef\xbb\xbf" + GOOD[:-1].replace(b"\n", b"\r\n"),
    ],
    ids=["as it is", "no newline at the end", "CRLF", "byte order mark", "all of them"],
)
@pytest.mark.parametrize("end", ["tsv", "txt"])
def test_line_ends_and_marks_make_no_difference(content, end, tmp_path):
    graph = read_folder(folder(tmp_path, content, end=end)).graph
    assert words(graph) == [("ann", "knows", "bob"), ("bob", "knows", "eve")]
    assert graph.train.tolist() == [[0, 0, 1], [1, 0, 2]]
    assert (graph.name, graph.train.dtype) == (tmp_path.name, np.int32)


def test_names_are_plain_text(tmp_path):
    names = [
        '"',
        "'a b'",
        " a",
        "a ",
        "a",
        "nan",
        "inf",
        "-Infinity",
        "1e999",
        "0x10",
        "#",
        "NULL",
        "ö",
        "o\u0308",
        "🙂",
    ]
    content = "\n".join(f"{name}\t{name}\t{name}" for name in names).encode()
    graph = read_folder(folder(tmp_path, content, content, content)).graph
    assert list(graph.entities) == list(graph.relations) == names
    assert words(graph) == [(name,) * 3 for name in names]


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1))
def test_what_is_written_is_read(tmp_path_factory, triples):
    content = "".join("\t".join(triple) + "\n" for triple in triples).encode()
    place = folder(tmp_path_factory.mktemp("any"), content, content, content)
    try:
        reading = read_folder(place)
    except DataError as error:  # a byte order mark or a header, by chance
        assert "\ufeff" in triples[0][0] or "header" in str(error)  # noqa: PT017
        return
    if "\ufeff" not in triples[0][0]:
        assert words(reading.graph) == list(dict.fromkeys(triples))


def test_the_longest_line_there_may_be_is_read_and_the_next_is_not(tmp_path):
    for size, end in ((lines.LONGEST, b"\n"), (lines.LONGEST, b"\r\n"), (lines.LONGEST, b"")):
        line = b"a\tb\t" + b"x" * (size - 4)
        graph = read_folder(folder(tmp_path, GOOD + line + end, line, GOOD)).graph
        assert len(graph.entities[-1]) == size - 4
        with pytest.raises(DataError, match=r"train\.tsv:3: the line is longer"):
            read_folder(folder(tmp_path, GOOD + line + b"x" + end, GOOD, GOOD))


def test_known_names_in_a_line_too_long_are_no_excuse(tmp_path):
    big, small = b"x" * 40_000, b"x" * (lines.LONGEST + 2 - 40_000 - len(b"\tr\t"))
    content = b"".join(b"\t".join(row) + b"\n" for row in ((big, b"r", big[:9]), (small, b"r", b"y"), (big, b"r", big)))
    with pytest.raises(DataError, match=r"train\.tsv:3: the line is longer"):
        read_folder(folder(tmp_path, content))


def test_repeated_triples_count_once_in_the_order_of_the_first(tmp_path):
    reading = read_folder(folder(tmp_path, GOOD + GOOD + b"eve\tknows\tann\n", GOOD[:14] * 3))
    assert reading.graph.train.tolist() == [[0, 0, 1], [1, 0, 2], [2, 0, 0]]
    assert reading.graph.valid.tolist() == [[0, 0, 1]]
    assert reading.repeated == {"train": 2, "valid": 2, "test": 0}


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1))
def test_distinct_keeps_the_first_of_each(triples):
    assert [tuple(t) for t in distinct(np.array(triples)).tolist()] == list(dict.fromkeys(triples))


def test_what_training_has_not_is_left_out_and_counted(tmp_path):
    strange = b"zed\tknows\tbob\nann\tknows\tzed\nann\tlikes\tbob\n"
    reading = read_folder(folder(tmp_path, valid=strange + GOOD[:14], test=GOOD[14:] + strange[:14] * 2))
    graph = reading.graph
    assert (list(graph.entities), list(graph.relations)) == (["ann", "bob", "eve"], ["knows"])
    assert (graph.valid.tolist(), graph.test.tolist()) == ([[0, 0, 1]], [[1, 0, 2]])
    assert reading.unseen == {"valid": 3, "test": 2}
    assert reading.repeated == {"train": 0, "valid": 0, "test": 0}


def test_a_part_of_which_nothing_is_left_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"test\.tsv: every triple has an entity or relation that train\.tsv has not"):
        read_folder(folder(tmp_path, test=b"zed\tknows\tbob\n"))


def test_triples_of_the_training_part_elsewhere_are_kept_and_counted(tmp_path):
    reading = read_folder(folder(tmp_path, valid=GOOD, test=b"eve\tknows\tann\nann\tknows\tbob\n"))
    assert reading.known == {"valid": 2, "test": 1}
    assert len(reading.graph.test) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda place: (place / "valid.tsv").unlink(), "expected valid.tsv or valid.txt, found neither"),
        (lambda place: (place / "test.txt").write_bytes(GOOD), "expected test.tsv or test.txt, found both"),
    ],
)
def test_a_missing_or_doubtful_file_is_named(change, said, tmp_path):
    change(folder(tmp_path))
    with pytest.raises(DataError, match=said):
        read_folder(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(DataError, match="a file, not a folder"):
        read_folder(folder(tmp_path) / "train.tsv")
    (tmp_path / "test.tsv").unlink()
    (tmp_path / "test.tsv").mkdir()
    with pytest.raises(DataError, match="found neither"):
        read_folder(tmp_path)


def test_reading_much_tells_how_far_it_is(tmp_path):
    told = []
    folder(tmp_path, b"ann\tknows\tbob\n" * 200_000, GOOD[:14], GOOD[:14])
    reading = read_folder(tmp_path, lambda *now: told.append(now))
    assert reading.repeated["train"] == 199_999
    assert [what for what, _, _ in told] == ["reading train.tsv"] * 3 + ["comparing triples"] * 5
    assert all(0 < done <= total == 2_800_000 for _, done, total in told[:3])
    for part in (told[:3], told[3:]):
        assert [done for _, done, _ in part] == sorted({done for _, done, _ in part})
