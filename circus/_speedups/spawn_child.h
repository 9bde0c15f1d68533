/* spawn_child.h - start one program; see spawn_child.c for the theory of operation. */
#ifndef CIRCUS_SPAWN_CHILD_H
#define CIRCUS_SPAWN_CHILD_H

#include <sys/types.h>

/* In the order of contract.STEPS. */
enum circus_step {
    CIRCUS_CLONE,
    CIRCUS_DESCRIPTORS,
    CIRCUS_CWD,
    CIRCUS_SETSID,
    CIRCUS_UMASK,
    CIRCUS_RLIMIT,
    CIRCUS_GROUPS,
    CIRCUS_GID,
    CIRCUS_UID,
    CIRCUS_EXEC,
};

struct circus_rlimit {
    int resource;
    unsigned long long soft, hard; /* ~0: unlimited */
};

struct circus_spawn {
    /* What is asked. All memory belongs to the caller and must stay as it is during the call. */
    char *const *argv;        /* these three end with NULL */
    char *const *executables; /* tried in this order, as execvp(3) does */
    char *const *env;
    const char *cwd; /* NULL: stay */
    int stdio[3];    /* the parent's descriptors that become 0, 1 and 2 */
    const int *keep; /* ascending, from 3 up */
    int n_keep;
    int setsid;
    int umask; /* -1: leave */
    const struct circus_rlimit *rlimits;
    int n_rlimits;
    long long gid, uid; /* -1: leave */
    const gid_t *groups;
    int n_groups; /* -1: leave */
    /* What came of it. */
    int pid;
    int pidfd; /* close-on-exec; -1 where the kernel has none or descriptors ran out */
    int step, index;
};

/* Returns 0 and sets pid and pidfd, or returns an errno and sets step and index. Needs no GIL. */
int circus_spawn(struct circus_spawn *spawn);

/* Makes sure that the low descriptors are there, and once that our table need not grow soon.
 * Returns the descriptor that is /dev/null, or -errno. */
int circus_reserve(void);

/* For tests: behave as on a kernel that has neither close_range(2) nor CLONE_PIDFD. */
void circus_pretend_old_kernel(int old);

#endif
