# cython: language_level=3, embedsignature=True
"""Start programs (spawn_child.c), find children (children.c), read pipes (drain.c).

The contract of pure; Linux only.
"""

from cpython.bytes cimport PyBytes_AsStringAndSize, PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN
from libc.stdlib cimport free, malloc
from posix.types cimport gid_t

from circus._speedups.contract import DRAIN_ROOM, STEPS, Poured, SpawnStepError
from circus._speedups.contract import check_drain, check_request


cdef extern from "spawn_child.h" nogil:
    struct circus_rlimit:
        int resource
        unsigned long long soft, hard

    struct circus_spawn:
        char* const* argv
        char* const* executables
        char* const* env
        const char* cwd
        int stdio[3]
        const int* keep
        int n_keep
        int setsid
        int umask
        const circus_rlimit* rlimits
        int n_rlimits
        long long gid, uid
        const gid_t* groups
        int n_groups
        int pid
        int pidfd
        int step, index

    int c_spawn "circus_spawn"(circus_spawn* spawn)
    int circus_reserve()
    void circus_pretend_old_kernel(int old)


cdef extern from "children.h" nogil:
    long circus_children(int pid, int* out, long room)


cdef extern from "drain.h" nogil:
    struct circus_read:
        int fd, status
        size_t size

    struct circus_poured:
        int visited, error, source, midline
        size_t written, rest
        const char* rest_at

    int circus_drain(
        const int* fds, int n, char* buffer, size_t budget, size_t chunk, circus_read* reads
    )
    void circus_drain_to(
        const int* fds, int n, int out, size_t budget, size_t chunk, char* buffer, size_t room,
        circus_read* reads, circus_poured* poured,
    )


cdef enum:
    FEW = 64  # children for which no memory is asked


cdef char** point(tuple items, char** out) except NULL:
    """Write a pointer to each of *items* and a NULL; return the place behind. They keep their owner."""
    cdef char* text
    for item in items:
        PyBytes_AsStringAndSize(item, &text, NULL)  # no bytes: TypeError; a NUL inside: ValueError
        out[0] = text
        out += 1
    out[0] = NULL
    return out + 1


cdef void* room(size_t count, size_t size) except NULL:
    """Memory for *count* items; the caller frees it."""
    cdef void* memory = malloc(count * size + 1)
    if memory is NULL:
        raise MemoryError
    return memory


cdef int* integers(long count) except NULL:
    """Memory for *count* integers; the caller frees it."""
    return <int*>room(count, sizeof(int))


def spawn(
    argv,
    executables,
    env,
    *,
    cwd=None,
    int stdin,
    int stdout,
    int stderr,
    keep=(),
    bint setsid=True,
    int umask=-1,
    rlimits=(),
    long long gid=-1,
    groups=None,
    long long uid=-1,
):
    """Start a program; return its pid and a pidfd. circus._speedups.pure.spawn tells the contract."""
    cdef tuple words = tuple(argv), paths = tuple(executables), variables = tuple(env)
    cdef tuple kept = tuple(keep), limits = tuple(rlimits)
    cdef tuple others = () if groups is None else tuple(groups)
    cdef circus_spawn request
    cdef char* directory = NULL
    cdef char** pointers = NULL
    cdef char** place
    cdef int* fds = NULL
    cdef circus_rlimit* limit = NULL
    cdef gid_t* group = NULL
    cdef Py_ssize_t i
    cdef int error

    check_request(words, paths, kept)
    if cwd is not None:
        PyBytes_AsStringAndSize(cwd, &directory, NULL)
    try:
        pointers = <char**>room(len(words) + len(paths) + len(variables) + 3, sizeof(char*))
        request.argv = pointers
        place = point(words, pointers)
        request.executables = place
        place = point(paths, place)
        request.env = place
        point(variables, place)
        fds = <int*>room(len(kept), sizeof(int))
        for i in range(len(kept)):
            fds[i] = kept[i]
        limit = <circus_rlimit*>room(len(limits), sizeof(circus_rlimit))
        for i in range(len(limits)):
            limit[i].resource, soft, hard = limits[i]
            limit[i].soft = <unsigned long long><long long>soft
            limit[i].hard = <unsigned long long><long long>hard
        group = <gid_t*>room(len(others), sizeof(gid_t))
        for i in range(len(others)):
            group[i] = others[i]
        request.cwd = directory
        request.stdio[0], request.stdio[1], request.stdio[2] = stdin, stdout, stderr
        request.keep, request.n_keep = fds, <int>len(kept)
        request.setsid, request.umask = setsid, umask
        request.rlimits, request.n_rlimits = limit, <int>len(limits)
        request.gid, request.uid = gid, uid
        request.groups, request.n_groups = group, -1 if groups is None else <int>len(others)
        with nogil:
            error = c_spawn(&request)
    finally:
        free(pointers)
        free(fds)
        free(limit)
        free(group)
    if error:
        raise SpawnStepError(error, STEPS[request.step], request.index)
    return request.pid, request.pidfd


def reserve():
    """Return a descriptor that is /dev/null, low if called early, close-on-exec; never close it.

    The first call also reserves the three low descriptors through which stdio goes to children,
    and lets our descriptor table grow, so that it need not later, when threads share it and each
    doubling takes milliseconds. Call it before there are threads, and after raising the limit on
    descriptors.
    """
    cdef int fd = circus_reserve()
    if fd < 0:
        raise SpawnStepError(-fd, "descriptors")
    return fd


def pretend_old_kernel(bint old):
    """For tests: behave as on a kernel that has neither close_range(2) nor CLONE_PIDFD."""
    circus_pretend_old_kernel(old)


def children(pids):
    """Return the direct children of each of *pids*. circus._speedups.kin tells the contract."""
    cdef int few[FEW]
    cdef int* found
    cdef long count, room, i
    cdef int pid
    cdef list all_found = []
    for pid in pids:
        found, room = few, FEW
        try:
            with nogil:
                count = circus_children(pid, found, room)
            while count > room:  # and more may be born meanwhile
                if found is not few:
                    free(found)
                    found = few
                room = 2 * count
                found = integers(room)
                with nogil:
                    count = circus_children(pid, found, room)
            all_found.append(tuple([found[i] for i in range(count)]))
        finally:
            if found is not few:
                free(found)
    return all_found


cdef int* numbers(object fds, Py_ssize_t* count) except NULL:
    """The descriptors *fds* as C integers; the caller frees them."""
    cdef tuple items = tuple(fds)
    cdef Py_ssize_t i
    cdef int* out = integers(len(items))
    try:
        for i in range(len(items)):
            out[i] = items[i]
    except:
        free(out)
        raise
    count[0] = len(items)
    return out


def drain(fds, Py_ssize_t budget, Py_ssize_t chunk=65536):
    """Read each of *fds* once. circus._speedups.drained.drain tells the contract."""
    cdef Py_ssize_t n, i
    cdef int visited = 0
    cdef int* numbers_of_fds
    cdef circus_read* reads = NULL
    cdef char* buffer = NULL
    cdef char* at
    cdef list found = []
    check_drain(budget, chunk)
    numbers_of_fds = numbers(fds, &n)
    try:
        reads = <circus_read*>room(n, sizeof(circus_read))
        buffer = <char*>room(min(budget, n * chunk), 1)
        with nogil:
            visited = circus_drain(numbers_of_fds, <int>n, buffer, budget, chunk, reads)
        at = buffer
        for i in range(visited):
            if reads[i].status == -EAGAIN:
                continue
            found.append((
                reads[i].fd,
                reads[i].status,
                PyBytes_FromStringAndSize(at, <Py_ssize_t>reads[i].size),
            ))
            at += reads[i].size
    finally:
        free(numbers_of_fds)
        free(reads)
        free(buffer)
    return visited, found


def drain_to(fds, int out, Py_ssize_t budget, Py_ssize_t chunk=65536, Py_ssize_t note=65536):
    """Read each of *fds* once, write to *out*. circus._speedups.drained.drain_to: the contract."""
    cdef Py_ssize_t n, i, space
    cdef int* numbers_of_fds
    cdef circus_read* reads = NULL
    cdef circus_poured poured
    cdef char* buffer = NULL
    cdef list notes = []
    check_drain(budget, chunk)
    numbers_of_fds = numbers(fds, &n)
    try:
        reads = <circus_read*>room(n, sizeof(circus_read))
        space = min(<Py_ssize_t>DRAIN_ROOM, max(chunk, budget))
        buffer = <char*>room(space, 1)
        with nogil:
            circus_drain_to(
                numbers_of_fds, <int>n, out, budget, chunk, buffer, space, reads, &poured
            )
        for i in range(poured.visited):
            if reads[i].status == -EAGAIN:
                continue
            if reads[i].size == 0 or <Py_ssize_t>reads[i].size >= note:
                notes.append((reads[i].fd, reads[i].status, <Py_ssize_t>reads[i].size))
        return Poured(
            poured.visited,
            <Py_ssize_t>poured.written,
            notes,
            PyBytes_FromStringAndSize(poured.rest_at, <Py_ssize_t>poured.rest),
            poured.error,
            poured.source,
            bool(poured.midline),
        )
    finally:
        free(numbers_of_fds)
        free(reads)
        free(buffer)
