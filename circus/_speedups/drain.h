/* drain.h - read many pipes in one call; see drain.c. Nothing here needs the GIL. */
#ifndef CIRCUS_DRAIN_H
#define CIRCUS_DRAIN_H

#include <stddef.h>

enum { CIRCUS_GOT, CIRCUS_FULL, CIRCUS_END };

struct circus_read {
    int fd, status; /* one of the above, or -errno; -EAGAIN: nothing there */
    size_t size;
};

struct circus_poured {
    int visited, error, source, midline;
    size_t written, rest; /* rest bytes stand at rest_at in the buffer that was lent */
    const char *rest_at;
};

/* Reads each fd at most once, at most chunk bytes of each, at most budget in all. The bytes stand
   one behind the other in buffer, which has room for min(budget, n * chunk). Returns how many fds
   were visited; each has its entry in reads. */
int circus_drain(const int *fds, int n, char *buffer, size_t budget, size_t chunk,
                 struct circus_read *reads);

/* Reads likewise and writes to out through buffer, of room >= chunk bytes. */
void circus_drain_to(const int *fds, int n, int out, size_t budget, size_t chunk, char *buffer,
                     size_t room, struct circus_read *reads, struct circus_poured *poured);

#endif
