/* children.c - the direct children of a process, from /proc/PID/task/TID/children.
 *
 * proc_pid_task(5); the file needs CONFIG_PROC_CHILDREN. Each thread has a file of its own. The
 * common process has one thread, which the link count of its task directory tells (".", ".." and
 * one for each thread), so that it costs a stat, an open, a read and a close.
 */
#define _GNU_SOURCE
#include "children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4096, LINKS_OF_ONE = 3 };

struct found {
    int *out;
    long room, count;
};

static void add(struct found *found, int pid)
{
    if (found->count < found->room)
        found->out[found->count] = pid;
    found->count++;
}

/* Adds the numbers in one file; a number may lie across two reads. */
static void read_file(int directory, const char *path, struct found *found)
{
    char text[CHUNK];
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC), pid = 0;
    ssize_t got;

    if (fd < 0)
        return;
    while ((got = read(fd, text, sizeof text)) > 0 || (got < 0 && errno == EINTR))
        for (ssize_t i = 0; i < got; i++)
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid) {
                add(found, pid);
                pid = 0;
            }
    if (pid)
        add(found, pid);
    close(fd);
}

static void read_all_threads(const char *path, struct found *found)
{
    char name[64];
    struct dirent *entry;
    DIR *directory = opendir(path);

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%.32s/children", entry->d_name);
            read_file(dirfd(directory), name, found);
        }
    closedir(directory);
}

long circus_children(int pid, int *out, long room)
{
    struct found found = {out, room, 0};
    struct stat status;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    if (stat(path, &status))
        return 0;
    if (status.st_nlink == LINKS_OF_ONE) {
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
        read_file(AT_FDCWD, path, &found);
    } else {
        read_all_threads(path, &found);
    }
    return found.count;
}
