/* manager.c - the floor of a process manager: spawn N, wait, respawn what dies, stop on SIGTERM.
 *
 *   gcc -O2 -o manager manager.c
 *   manager N EXE
 *
 * The cheapest system calls that do the work, and nothing else: clone with a shared descriptor
 * table that the child cuts off (close_range with CLOSE_RANGE_UNSHARE), a pidfd for each child in
 * one epoll set, waitid on the one that died. SIGTERM reaches it through a signalfd: it sends
 * SIGTERM to all, waits for all and exits with 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
enum { STACK = 65536, BATCH = 256 };

static char *exe, *stack, *no_env[] = {NULL};
static int poller;
static int *pidfds;
static pid_t *pids;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int child(void *unused) /* on the parent's memory: system calls only */
{
    char *args[] = {exe, NULL};
    sigset_t none;

    (void)unused;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE);
    execve(exe, args, no_env);
    _exit(127);
}

static void spawn(int slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)slot};
    int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD;

    pids[slot] = clone(child, stack + STACK, flags, NULL, &pidfds[slot]);
    if (pids[slot] < 0)
        fail("clone");
    if (epoll_ctl(poller, EPOLL_CTL_ADD, pidfds[slot], &event))
        fail("epoll_ctl");
}

static void reap(int slot)
{
    siginfo_t info;

    if (waitid(P_PIDFD, (id_t)pidfds[slot], &info, WEXITED))
        fail("waitid");
    close(pidfds[slot]);
    pids[slot] = 0;
}

int main(int count, char **args)
{
    int total = count == 3 ? atoi(args[1]) : 0, left = total, stopping = 0, signals;
    struct epoll_event events[BATCH], event = {.events = EPOLLIN, .data.u32 = ~0U};
    struct rlimit limit;
    sigset_t asked;

    if (total < 1) {
        fprintf(stderr, "usage: manager N EXE\n");
        return 2;
    }
    exe = args[2];
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pidfds = calloc((size_t)total, sizeof *pidfds);
    pids = calloc((size_t)total, sizeof *pids);
    poller = epoll_create1(EPOLL_CLOEXEC);
    sigemptyset(&asked);
    sigaddset(&asked, SIGTERM);
    sigprocmask(SIG_BLOCK, &asked, NULL);
    signals = signalfd(-1, &asked, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stack == MAP_FAILED || !pidfds || !pids || poller < 0 || signals < 0)
        fail("set-up");
    epoll_ctl(poller, EPOLL_CTL_ADD, signals, &event);

    for (int slot = 0; slot < total; slot++)
        spawn(slot);
    while (left) {
        int ready = epoll_wait(poller, events, BATCH, -1);

        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            unsigned slot = events[i].data.u32;

            if (slot == ~0U) {
                struct signalfd_siginfo info;

                if (read(signals, &info, sizeof info) == (ssize_t)sizeof info && !stopping) {
                    stopping = 1;
                    for (int each = 0; each < total; each++)
                        if (pids[each] > 0)
                            kill(pids[each], SIGTERM);
                }
                continue;
            }
            reap((int)slot);
            if (stopping)
                left--;
            else
                spawn((int)slot);
        }
    }
    return 0;
}
