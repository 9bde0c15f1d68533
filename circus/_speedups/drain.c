/* drain.c - read many pipes in one call, and write what they hold to one file.
 *
 * The specification is drained.py. All descriptors are non-blocking, save that a regular file as
 * the output always takes what there is room for.
 */
#include "drain.h"

#include <errno.h>
#include <unistd.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void read_once(int fd, char *at, size_t size, struct circus_read *result)
{
    ssize_t got;

    do
        got = read(fd, at, size);
    while (got < 0 && errno == EINTR);
    result->fd = fd;
    result->size = got > 0 ? (size_t)got : 0;
    if (got < 0)
        result->status = errno == EWOULDBLOCK ? -EAGAIN : -errno;
    else if (got == 0)
        result->status = CIRCUS_END;
    else
        result->status = (size_t)got == size ? CIRCUS_FULL : CIRCUS_GOT;
}

int circus_drain(const int *fds, int n, char *buffer, size_t budget, size_t chunk,
                 struct circus_read *reads)
{
    int visited = 0;

    for (; visited < n && budget > 0; visited++) {
        read_once(fds[visited], buffer, least(chunk, budget), &reads[visited]);
        buffer += reads[visited].size;
        budget -= reads[visited].size;
    }
    return visited;
}

/* Writes size bytes; returns how many are out and sets *error when that is not all. */
static size_t write_all(int out, const char *from, size_t size, int *error)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = write(out, from + done, size - done);

        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            *error = count == 0 ? EIO : errno;
            break;
        }
    }
    return done;
}

void circus_drain_to(const int *fds, int n, int out, size_t budget, size_t chunk, char *buffer,
                     size_t room, struct circus_read *reads, struct circus_poured *poured)
{
    size_t held = 0, done;
    int visited = 0;

    *poured = (struct circus_poured){.source = -1, .rest_at = buffer};
    while (!poured->error && visited < n && budget > 0) {
        struct circus_read *now = &reads[visited];
        size_t ask = least(chunk, budget);

        if (held && held + ask > room) {
            done = write_all(out, buffer, held, &poured->error);
            poured->written += done;
            poured->rest_at = buffer + done;
            held = poured->error ? held - done : 0;
            continue;
        }
        read_once(fds[visited++], buffer + held, ask, now);
        if (now->size) {
            held += now->size;
            budget -= now->size;
            poured->source = now->fd;
            poured->midline = buffer[held - 1] != '\n';
        }
    }
    poured->visited = visited;
    if (!poured->error && held) {
        done = write_all(out, buffer, held, &poured->error);
        poured->written += done;
        poured->rest_at = buffer + done;
        held -= done;
    }
    poured->rest = held;
}
