"""Reading many pipes in one call: both backends do the same, and no byte is lost or doubled."""

import contextlib
import importlib
import os
from errno import EAGAIN, EBADF, ENOSPC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus._speedups.contract import CHUNK, DRAIN_ROOM, END, FULL, GOT, Poured

BACKENDS = ("compiled", "pure")
BIG = 2**30
NOT_OPEN = 2**20


@pytest.fixture(params=BACKENDS)
def backend(request):
    """One backend, by name: a missing one is a failure."""
    return importlib.import_module(f"circus._speedups.{request.param}")


class Pipes:
    """Pipes whose read ends do not block; each write end can be closed."""

    def __init__(self, count):
        pairs = [os.pipe() for _ in range(count)]
        self.ours = [read_end for read_end, _ in pairs]
        self.theirs = [write_end for _, write_end in pairs]
        for fd in (*self.ours, *self.theirs):
            os.set_blocking(fd, False)

    def end(self, index):
        if self.theirs[index] >= 0:
            os.close(self.theirs[index])
            self.theirs[index] = -1

    def close(self):
        for index in range(len(self.theirs)):
            self.end(index)
        for fd in self.ours:
            os.close(fd)


@contextlib.contextmanager
def pipes(*contents):
    """Pipes that hold *contents*."""
    made = Pipes(len(contents))
    try:
        for fd, content in zip(made.theirs, contents, strict=True):
            assert os.write(fd, content) == len(content) if content else True
        yield made
    finally:
        made.close()


@pytest.fixture
def target(tmp_path):
    """A file to write to, opened as logs are."""
    path = tmp_path / "out"
    fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC)
    yield fd, path
    os.close(fd)


# drain


def test_each_pipe_is_read_once_and_those_with_nothing_to_say_are_left_out(backend):
    with pipes(b"one\n", b"", b"three") as made:
        first, _, third = made.ours
        assert backend.drain(made.ours, BIG) == (
            3,
            [(first, GOT, b"one\n"), (third, GOT, b"three")],
        )
        assert backend.drain(made.ours, BIG) == (3, [])


def test_the_end_of_a_file_is_told_after_its_last_bytes(backend):
    with pipes(b"last") as made:
        made.end(0)
        assert backend.drain(made.ours, BIG) == (1, [(made.ours[0], GOT, b"last")])
        assert backend.drain(made.ours, BIG) == (1, [(made.ours[0], END, b"")])


def test_a_read_that_fills_its_chunk_says_that_there_may_be_more(backend):
    with pipes(b"abcdef") as made:
        fd = made.ours[0]
        assert backend.drain(made.ours, BIG, 4) == (1, [(fd, FULL, b"abcd")])
        assert backend.drain(made.ours, BIG, 4) == (1, [(fd, GOT, b"ef")])


def test_the_budget_bounds_all_reads_together_and_the_rest_is_not_visited(backend):
    with pipes(b"a" * 10, b"b" * 10, b"c" * 10) as made:
        first, second, third = made.ours
        assert backend.drain(made.ours, 15) == (
            2,
            [(first, GOT, b"a" * 10), (second, FULL, b"b" * 5)],
        )
        assert backend.drain([second, third], 100)[1] == [
            (second, GOT, b"b" * 5),
            (third, GOT, b"c" * 10),
        ]


def test_a_descriptor_that_cannot_be_read_is_an_error_of_its_own(backend):
    with pipes(b"fine") as made:
        assert backend.drain([NOT_OPEN, made.ours[0]], BIG) == (
            2,
            [(NOT_OPEN, -EBADF, b""), (made.ours[0], GOT, b"fine")],
        )


def test_a_full_pipe_is_read_with_one_call(backend):
    with pipes(b"x" * CHUNK) as made:
        assert backend.drain(made.ours, BIG) == (1, [(made.ours[0], FULL, b"x" * CHUNK)])


def test_nothing_asked_nothing_done(backend, target):
    assert backend.drain([], BIG) == (0, [])
    assert backend.drain_to([], target[0], BIG) == Poured(0, 0, [], b"", 0, -1, False)


@pytest.mark.parametrize(("budget", "chunk"), [(0, 1), (-1, 1), (1, 0), (1, DRAIN_ROOM + 1)])
def test_bounds_that_make_no_sense_are_refused(backend, budget, chunk):
    with pytest.raises(ValueError, match=r"budget must be|chunk must be"):
        backend.drain([], budget, chunk)
    with pytest.raises(ValueError, match=r"budget must be|chunk must be"):
        backend.drain_to([], 1, budget, chunk)


def test_what_is_no_descriptor_is_refused(backend):
    with pytest.raises(TypeError):
        backend.drain(["one"], BIG)


# drain_to


def test_what_pipes_hold_is_written_in_the_order_of_the_question(backend, target):
    fd, path = target
    with pipes(b"one\n", b"", b"three") as made:
        told = backend.drain_to(list(reversed(made.ours)), fd, BIG)
        assert told == Poured(3, 9, [], b"", 0, made.ours[0], False)
    assert path.read_bytes() == b"threeone\n"


def test_a_line_that_is_not_at_its_end_is_told(backend, target):
    with pipes(b"begun") as made:
        told = backend.drain_to(made.ours, target[0], BIG)
        assert (told.source, told.midline) == (made.ours[0], True)


def test_only_what_is_worth_a_look_is_noted(backend, target):
    with pipes(b"small", b"larger", b"") as made:
        made.end(2)
        told = backend.drain_to([*made.ours, NOT_OPEN], target[0], BIG, CHUNK, 6)
        assert told.notes == [
            (made.ours[1], GOT, 6),
            (made.ours[2], END, 0),
            (NOT_OPEN, -EBADF, 0),
        ]


def test_more_than_the_room_is_written_in_several_batches(backend, target):
    fd, path = target
    with pipes(*(bytes([65 + index]) * CHUNK for index in range(6))) as made:
        told = backend.drain_to(made.ours, fd, BIG)
        assert (told.visited, told.written, told.rest) == (6, 6 * CHUNK, b"")
    assert path.read_bytes() == b"".join(bytes([65 + index]) * CHUNK for index in range(6))


def test_the_budget_of_drain_to_bounds_what_is_read(backend, target):
    fd, path = target
    with pipes(b"a" * 10, b"b" * 10, b"c" * 10) as made:
        assert backend.drain_to(made.ours, fd, 15).visited == 2
        assert backend.drain_to(made.ours[1:], fd, 15).visited == 2
    assert path.read_bytes() == b"a" * 10 + b"b" * 10 + b"c" * 10


def test_what_a_full_disk_does_not_take_is_handed_back(backend):
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pipes(b"one\n", b"two\n") as made:
            told = backend.drain_to(made.ours, full, BIG)
            assert told == Poured(2, 0, [], b"one\ntwo\n", ENOSPC, made.ours[1], False)
    finally:
        os.close(full)


def test_a_destination_that_takes_a_part_gets_a_part_and_no_more_is_read(backend):
    with pipes(b"x" * CHUNK, b"y" * 100) as made, pipes(b"") as out:
        told = backend.drain_to(made.ours, out.theirs[0], BIG, CHUNK)
        got = os.read(out.ours[0], BIG)
        assert told.error == EAGAIN
        assert told.written == len(got) == CHUNK
        assert got + told.rest == b"x" * CHUNK + b"y" * 100


def test_after_a_failed_batch_nothing_more_is_read(backend):
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pipes(*(b"x" * CHUNK for _ in range(6))) as made:
            told = backend.drain_to(made.ours, full, BIG)
            assert (told.visited, told.written, len(told.rest)) == (4, 0, 4 * CHUNK)
            assert backend.drain(made.ours[4:], BIG)[0] == 2
    finally:
        os.close(full)


# Both, and whatever happens

writes = st.lists(
    st.tuples(st.integers(0, 4), st.binary(max_size=200) | st.just(None)),  # None: it ends
    max_size=30,
)


@given(writes, st.integers(1, 500), st.integers(1, 300))
def test_bytes_in_are_bytes_out_and_both_backends_agree(script, budget, chunk):
    """Random writers, chunks and budgets: one call's leftovers are the next one's beginning."""
    told = []
    for name in BACKENDS:
        backend = importlib.import_module(f"circus._speedups.{name}")
        with pipes(*[b""] * 5) as made:
            story, sent, got = [], [b""] * 5, [b""] * 5
            open_ones = list(made.ours)
            numbers = {fd: index for index, fd in enumerate(made.ours)}
            for index, data in [*script, *((index, None) for index in range(5))]:
                if data is None:
                    made.end(index)
                elif made.theirs[index] >= 0:
                    os.write(made.theirs[index], data)
                    sent[index] += data
                visited, found = backend.drain(open_ones, budget, chunk)
                assert sum(len(data) for _, _, data in found) <= budget
                assert all(len(data) <= chunk for _, _, data in found)
                story.append((visited, [(numbers[fd], *rest) for fd, *rest in found]))
                for fd, status, read in found:
                    got[numbers[fd]] += read
                    if status == END:
                        open_ones.remove(fd)
            while open_ones:
                visited, found = backend.drain(open_ones, budget, chunk)
                for fd, status, data in found:
                    got[numbers[fd]] += data
                    if status == END:
                        open_ones.remove(fd)
                open_ones = open_ones[visited:] + open_ones[:visited]
            assert got == sent
            told.append(story)
    assert told[0] == told[1]


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=8), st.integers(1, 9000))
def test_both_backends_pour_the_same(tmp_path_factory, contents, budget):
    told = []
    for name in BACKENDS:
        backend = importlib.import_module(f"circus._speedups.{name}")
        path = tmp_path_factory.getbasetemp() / f"poured-{name}"
        out = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND)
        try:
            with pipes(*contents) as made:
                numbers = {fd: index for index, fd in enumerate(made.ours)} | {-1: -1}
                poured = backend.drain_to(made.ours, out, budget, 1000, 500)
                told.append((
                    poured._replace(
                        source=numbers[poured.source],
                        notes=[(numbers[fd], *rest) for fd, *rest in poured.notes],
                    ),
                    path.read_bytes(),
                ))  # fmt: skip
                assert poured.written == len(path.read_bytes()) <= budget
        finally:
            os.close(out)
    assert told[0] == told[1]


def test_a_flooding_pipe_gets_no_more_of_a_call_than_a_quiet_one(backend):
    with pipes(b"f" * CHUNK, b"quiet\n", b"f" * CHUNK) as made:
        visited, found = backend.drain(made.ours, 20_000, 8192)
        assert visited == 3
        assert [len(data) for _, _, data in found] == [8192, 6, 8192]
