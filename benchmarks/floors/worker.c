/* worker.c - the worker of the comparisons: says when it runs, then pauses until a signal ends it.
 *
 * A static program without libc, one page of text, so that its own start costs next to nothing.
 * Its first instructions write {CLOCK_MONOTONIC in ns, pid} to the FIFO at HELLO_PATH, which it
 * keeps open: the reader learns the exact moment of each start, and sees the end of file at the
 * moment the last worker is gone. Without a reader it just pauses.
 *
 *   gcc -O2 -static -nostdlib -DHELLO_PATH='"/tmp/x/hello"' -o worker worker.c
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long a, long b, long c, long d)
{
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    result = x0;
#else
#error "worker.c knows the system calls of x86_64 and aarch64 only"
#endif
    return result;
}

void _start(void)
{
    struct timespec now;
    struct { long ns, pid; } hello;
    long fd = call(SYS_openat, AT_FDCWD, (long)HELLO_PATH, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);

    call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0);
    hello.ns = now.tv_sec * 1000000000L + now.tv_nsec;
    hello.pid = call(SYS_getpid, 0, 0, 0, 0);
    if (fd >= 0)
        call(SYS_write, fd, (long)&hello, sizeof hello, 0);
    for (;;)
        call(SYS_ppoll, 0, 0, 0, 0);
}
