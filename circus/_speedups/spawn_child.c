/* spawn_child.c - start one program at a cost that depends neither on the size of this process nor
 * on the number of its descriptors.
 *
 * Theory of operation
 *
 * The child is made by clone(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD) on a stack of its
 * own. It borrows our memory (so no page table is copied) and, at first, our descriptor table (so no
 * table is copied either); this thread sleeps until it has called execve or exit. Its first act is
 * close_range(cut + 1, ~0, CLOSE_RANGE_UNSHARE): it gets a private table that holds the descriptors
 * up to the cut only. Without that each child of a process with 10,000 descriptors pays for copying
 * and closing them all, and keeps a table of that size for life: exec does not shrink it.
 *
 * What shall become 0, 1 and 2 therefore has to lie below the cut. Pipes mostly do not, so they are
 * duplicated to three low descriptors that were reserved early, and these are pointed back at
 * /dev/null as soon as the child is on its own: a write end left there would keep the reader from
 * ever seeing the end of file.
 *
 * The child shares our memory, hence the rules for the code it runs: system calls and its stack,
 * nothing else. No malloc, no stdio, no lock. No libc wrapper for setuid and its kin: these
 * synchronise the threads of "the process", which would be ours. Signals stay blocked until every
 * disposition is the default, so no handler of ours can ever run in it. Its errors come back
 * through the request itself.
 *
 * Where close_range is missing (Linux before 5.9, or a filter), the child gets a copied table
 * instead and closes what it must not have by looking into /proc/self/fd.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
/* On some 32-bit machines the plain numbers are the calls with 16-bit ids. */
#ifdef SYS_setgroups32
#define NR_SETGROUPS SYS_setgroups32
#define NR_SETRESGID SYS_setresgid32
#define NR_SETRESUID SYS_setresuid32
#else
#define NR_SETGROUPS SYS_setgroups
#define NR_SETRESGID SYS_setresgid
#define NR_SETRESUID SYS_setresuid
#endif

enum {
    STACK_SIZE = 64 * 1024,
    GROWN = 32768,
    LOW = 64, /* a table of up to this many descriptors lives inside the kernel's own structure */
    SIGSET_BYTES = _NSIG / 8,
    NO_CLOSE_RANGE = -1, /* a step of its own: not an error, but a reason to try the other way */
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* one stack, one set of slots */
static char *stack;
static int null_fd = -1;
static int slots[3] = { -1, -1, -1 };
static int old_kernel; /* close_range or its UNSHARE is missing */
static int pretended;

struct job {
    struct circus_spawn *spawn;
    int stdio[3];
    int cut; /* highest descriptor the child's table starts with; -1: it has a copy of them all */
    int error;
};

/* ---- In the child: system calls only. ---- */

static void fail(struct job *job, int step, int index)
{
    job->error = errno;
    job->spawn->step = step;
    job->spawn->index = index;
    _exit(127);
}

static long close_range_(unsigned first, unsigned last, unsigned flags)
{
    return syscall(SYS_close_range, first, last, flags);
}

static int is_kept(const struct circus_spawn *s, int fd)
{
    int low = 0, high = s->n_keep;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->keep[middle] < fd)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_keep && s->keep[low] == fd;
}

/* Close one by one what close_range would have closed. Closing while listing skips nothing: the
 * position in /proc/self/fd is the descriptor's number. */
static void close_by_list(const struct circus_spawn *s)
{
    struct entry {
        uint64_t ino;
        int64_t off;
        unsigned short length;
        unsigned char type;
        char name[];
    };
    _Alignas(struct entry) char buffer[4096];
    struct rlimit limit;
    long got;
    int dir = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) { /* no /proc: every number there may be */
        int end = !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_max < INT_MAX
                      ? (int)limit.rlim_max : 1 << 20;
        for (int fd = 3; fd < end; fd++)
            if (!is_kept(s, fd))
                syscall(SYS_close, fd);
        return;
    }
    while ((got = syscall(SYS_getdents64, dir, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->length) {
            const char *digit = ((struct entry *)(buffer + at))->name;
            int fd = 0;
            if (*digit == '.')
                continue;
            for (; *digit; digit++)
                fd = fd * 10 + (*digit - '0');
            if (fd > 2 && fd != dir && !is_kept(s, fd))
                syscall(SYS_close, fd);
        }
    syscall(SYS_close, dir);
}

/* Close what is not kept, from 3 up to the cut; above it only duplicates are left, which exec closes.
 * Not up to ~0: the kernel would look at every place of the table. */
static void close_the_rest(const struct circus_spawn *s, int cut)
{
    int first = 3;

    if (cut < 0) {
        close_by_list(s);
        return;
    }
    for (int i = 0; i < s->n_keep; i++) {
        if (first < s->keep[i])
            close_range_((unsigned)first, (unsigned)s->keep[i] - 1, 0);
        first = s->keep[i] + 1;
    }
    if (first <= cut)
        close_range_((unsigned)first, (unsigned)cut, 0);
}

static void arrange_descriptors(struct job *job)
{
    const struct circus_spawn *s = job->spawn;
    int source[3];

    if (job->cut >= 0 && close_range_((unsigned)job->cut + 1, ~0U, CLOSE_RANGE_UNSHARE))
        fail(job, errno == ENOSYS || errno == EINVAL || errno == EPERM ? NO_CLOSE_RANGE
                                                                       : CIRCUS_DESCRIPTORS, -1);
    /* From here on the table is the child's own. The kept ones first: the duplicates below must not
     * take the number of one that is asked for, but not open. */
    for (int i = 0; i < s->n_keep; i++)
        if (fcntl(s->keep[i], F_SETFD, 0))
            fail(job, CIRCUS_DESCRIPTORS, s->keep[i]);
    for (int i = 0; i < 3; i++) { /* out of the way of the dup2 calls, as in `2>&1 1>&2` */
        source[i] = job->stdio[i];
        if (source[i] < 3 && source[i] != i
            && (source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, 3)) < 0)
            fail(job, CIRCUS_DESCRIPTORS, s->stdio[i]);
    }
    for (int i = 0; i < 3; i++)
        if ((source[i] == i ? fcntl(i, F_SETFD, 0) : dup2(source[i], i)) < 0)
            fail(job, CIRCUS_DESCRIPTORS, s->stdio[i]);
    close_the_rest(s, job->cut);
}

static void limit_and_identify(struct job *job)
{
    const struct circus_spawn *s = job->spawn;

    for (int i = 0; i < s->n_rlimits; i++) {
        uint64_t limit[2] = { s->rlimits[i].soft, s->rlimits[i].hard };
        if (syscall(SYS_prlimit64, 0, s->rlimits[i].resource, limit, NULL))
            fail(job, CIRCUS_RLIMIT, i);
    }
    if (s->n_groups >= 0 && syscall(NR_SETGROUPS, s->n_groups, s->groups))
        fail(job, CIRCUS_GROUPS, -1);
    if (s->gid >= 0 && syscall(NR_SETRESGID, (gid_t)s->gid, (gid_t)s->gid, (gid_t)s->gid))
        fail(job, CIRCUS_GID, -1);
    if (s->uid >= 0 && syscall(NR_SETRESUID, (uid_t)s->uid, (uid_t)s->uid, (uid_t)s->uid))
        fail(job, CIRCUS_UID, -1);
}

/* Every signal at its default, none blocked. Not by sigaction(3): it hides two of them. */
static void default_signals(void)
{
    static const uint64_t zeros[16]; /* SIG_DFL, no flags, whatever the machine's layout is */

    for (int signum = 1; signum < _NSIG; signum++)
        syscall(SYS_rt_sigaction, signum, zeros, NULL, SIGSET_BYTES);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, zeros, NULL, SIGSET_BYTES);
}

static int child(void *argument)
{
    struct job *job = argument;
    const struct circus_spawn *s = job->spawn;
    int denied = 0;

    arrange_descriptors(job);
    if (s->cwd && chdir(s->cwd))
        fail(job, CIRCUS_CWD, -1);
    if (s->setsid && setsid() < 0)
        fail(job, CIRCUS_SETSID, -1);
    if (s->umask >= 0)
        umask((mode_t)s->umask);
    limit_and_identify(job);
    default_signals();
    for (char *const *path = s->executables; *path; path++) {
        execve(*path, s->argv, s->env);
        denied |= errno == EACCES;
        if (errno != EACCES && errno != ENOENT && errno != ENOTDIR)
            fail(job, CIRCUS_EXEC, -1);
    }
    if (denied)
        errno = EACCES;
    fail(job, CIRCUS_EXEC, -1);
    return 127;
}

/* ---- In the parent. ---- */

static int is_null_device(int fd)
{
    static dev_t device;
    struct stat st;

    if (!device && !stat("/dev/null", &st))
        device = st.st_rdev;
    return fd >= 0 && !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == device;
}

/* Take a descriptor for /dev/null at the lowest free number from 3 up, unless *fd still is one:
 * somebody may have closed it, and its number may be another's by now. */
static int take(int *fd)
{
    int opened;

    if (is_null_device(*fd))
        return 0;
    if ((opened = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
        return -errno;
    *fd = opened;
    if (opened < 3) {
        *fd = fcntl(opened, F_DUPFD_CLOEXEC, 3);
        int error = errno;
        close(opened);
        if (*fd < 0)
            return -error;
    }
    return 0;
}

static int take_all(void)
{
    int error = take(&null_fd);

    for (int i = 0; i < 3 && !error; i++)
        error = take(&slots[i]);
    return error;
}

/* Let our own table grow now, while nobody shares it. Later each doubling would wait for an RCU grace
 * period, which is milliseconds, since threads share it, and a child does while it gets its pidfd. */
static void grow_table(void)
{
    struct rlimit limit;
    int last = GROWN - 1;

    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < GROWN)
        last = (int)limit.rlim_cur - 1;
    if ((last = fcntl(null_fd, F_DUPFD_CLOEXEC, last)) >= 0)
        close(last);
}

static int point(int source, int slot)
{
    int result;

    do
        result = dup3(source, slot, O_CLOEXEC);
    while (result < 0 && (errno == EINTR || errno == EBUSY));
    return result;
}

/* Bring the sources of stdio below the cut. Returns an errno; *moved tells which slots are in use. */
static int bring_down(struct job *job, unsigned *moved)
{
    struct circus_spawn *s = job->spawn;
    int cut = s->n_keep ? s->keep[s->n_keep - 1] : 2;
    int highest = slots[0] > slots[1] ? slots[0] : slots[1];
    int error;

    highest = highest > slots[2] ? highest : slots[2];
    if (highest < LOW && cut < highest)
        cut = highest;
    for (int i = 0; i < 3; i++) {
        if (s->stdio[i] <= cut)
            continue;
        if ((error = take(&null_fd)) || (error = take(&slots[i]))) {
            s->step = CIRCUS_DESCRIPTORS;
            return -error;
        }
        if (point(s->stdio[i], slots[i]) < 0) {
            s->step = CIRCUS_DESCRIPTORS;
            s->index = s->stdio[i];
            return errno;
        }
        *moved |= 1U << i;
        job->stdio[i] = slots[i];
        if (slots[i] > cut)
            cut = slots[i];
    }
    job->cut = cut;
    return 0;
}

static int clone_child(struct job *job)
{
    struct circus_spawn *s = job->spawn;
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (job->cut >= 0 ? CLONE_FILES : 0);
    int pid, error;

    s->pidfd = -1;
    pid = clone(child, stack + STACK_SIZE, flags | (pretended ? 0 : CLONE_PIDFD), job, &s->pidfd);
    if (pid < 0 && (errno == EINVAL || errno == EMFILE || errno == ENFILE))
        pid = clone(child, stack + STACK_SIZE, flags, job);
    if (pid < 0) {
        s->step = CIRCUS_CLONE;
        return errno;
    }
    s->pid = pid;
    if (!(error = job->error))
        return 0;
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    if (s->pidfd >= 0)
        close(s->pidfd);
    s->pid = s->pidfd = -1;
    return error;
}

static int attempt(struct circus_spawn *s)
{
    struct job job = { .spawn = s, .stdio = { s->stdio[0], s->stdio[1], s->stdio[2] }, .cut = -1 };
    unsigned moved = 0;
    int error = old_kernel || pretended ? 0 : bring_down(&job, &moved);

    if (!error)
        error = clone_child(&job);
    for (int i = 0; i < 3; i++)
        if (moved & 1U << i)
            point(null_fd, slots[i]);
    return error;
}

int circus_spawn(struct circus_spawn *s)
{
    unsigned char all[SIGSET_BYTES], before[SIGSET_BYTES];
    int changes_user = s->gid >= 0 || s->uid >= 0;
    int error = 0, dumpable;

    memset(all, 0xff, sizeof all);
    s->pid = s->pidfd = s->index = -1;
    s->step = CIRCUS_CLONE;
    pthread_mutex_lock(&turn);
    if (!stack) {
        char *memory = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED)
            error = errno;
        else
            stack = memory;
    }
    if (!error) {
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, all, before, SIGSET_BYTES);
        /* A child that changes its ids makes the memory it shares with us undumpable, for good. */
        dumpable = changes_user ? prctl(PR_GET_DUMPABLE) : 0;
        error = attempt(s);
        if (error && s->step == NO_CLOSE_RANGE) {
            old_kernel = 1;
            error = attempt(s);
        }
        if (dumpable == 1)
            prctl(PR_SET_DUMPABLE, 1);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, SIGSET_BYTES);
    }
    pthread_mutex_unlock(&turn);
    return error;
}

int circus_reserve(void)
{
    static int grown;
    int error;

    pthread_mutex_lock(&turn);
    error = take_all();
    if (!error && !grown++)
        grow_table();
    pthread_mutex_unlock(&turn);
    return error ? error : null_fd;
}

void circus_pretend_old_kernel(int old)
{
    pthread_mutex_lock(&turn);
    pretended = old;
    pthread_mutex_unlock(&turn);
}
