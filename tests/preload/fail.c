/* Fails or delays calls of a program to its files: preloaded into the relay by the tests of its disk.
 *
 * FAIL_UNDER  files below this directory are meant
 * FAIL_AT     the first call that fails, from 1; 0 fails none
 * FAIL_TIMES  how many in a row
 * FAIL_ERRNO  with which error; 0 writes half of what a write is asked to
 * FAIL_DELAY  milliseconds that every sync takes longer
 * FAIL_COUNT  where the number of calls is written when the program ends
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static const char *under;
static long first, times, delay;
static int error;
static atomic_long calls;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
    under = getenv("FAIL_UNDER");
    first = number("FAIL_AT");
    times = number("FAIL_TIMES");
    delay = number("FAIL_DELAY");
    error = (int)number("FAIL_ERRNO");
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAIL_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&calls));
        fclose(file);
    }
}

static int is_meant(const char *path) {
    return under && path && strncmp(path, under, strlen(under)) == 0;
}

static int is_open_there(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return is_meant(path);
}

/* Whether it is the turn of this call. */
static int fails(void) {
    long n = atomic_fetch_add(&calls, 1) + 1;
    return first > 0 && n >= first && n < first + times;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITES(name, offset)                                                          \
    ssize_t name(int fd, const void *bytes, size_t len, offset at) {                  \
        int is_turn = is_open_there(fd) && fails();                                   \
        if (is_turn && error) { errno = error; return -1; }                           \
        return REAL(name)(fd, bytes, is_turn && len > 1 ? len / 2 : len, at);         \
    }
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t len) {
    int is_turn = fd > 2 && is_open_there(fd) && fails();
    if (is_turn && error) { errno = error; return -1; }
    return REAL(write)(fd, bytes, is_turn && len > 1 ? len / 2 : len);
}

static void take_time(void) {
    struct timespec pause = {delay / 1000, delay % 1000 * 1000000};
    while (delay > 0 && nanosleep(&pause, &pause)) {}
}

#define OF_FILE(name)                                                                 \
    int name(int fd) {                                                                \
        int is_meant = is_open_there(fd);                                             \
        if (is_meant && fails() && error) { errno = error; return -1; }               \
        if (is_meant) take_time();                                                    \
        return REAL(name)(fd);                                                        \
    }
OF_FILE(fsync)
OF_FILE(fdatasync)

#define TRUNCATES(name, offset)                                                       \
    int name(int fd, offset len) {                                                    \
        if (is_open_there(fd) && fails() && error) { errno = error; return -1; }      \
        return REAL(name)(fd, len);                                                   \
    }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

int unlink(const char *path) {
    if (is_meant(path) && fails() && error) { errno = error; return -1; }
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to) {
    if (is_meant(to) && fails() && error) { errno = error; return -1; }
    return REAL(rename)(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    if (is_meant(to) && fails() && error) { errno = error; return -1; }
    return REAL(linkat)(from_dir, from, to_dir, to, flags);
}
