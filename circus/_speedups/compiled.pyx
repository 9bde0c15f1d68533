# cython: language_level=3, embedsignature=True
"""Start programs (spawn_child.c), find children (children.c). The contract of pure; Linux only."""

from cpython.bytes cimport PyBytes_AsStringAndSize
from libc.stdlib cimport free, malloc
from posix.types cimport gid_t

from circus._speedups.contract import STEPS, SpawnStepError, check_request


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
