/* children.h - who the children of a process are; see children.c. */
#ifndef CIRCUS_CHILDREN_H
#define CIRCUS_CHILDREN_H

/* Writes at most room pids of direct children of pid, of all its threads, to out. Returns how many
   there are, which may be more than room; 0 too when the process is gone. Needs no GIL. */
long circus_children(int pid, int *out, long room);

#endif
