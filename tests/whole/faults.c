/* Strikes a process at its n-th call that writes below a folder.

   FAULT_BELOW: the folder. FAULT_AT: the number of the call, from 1; 0 only counts.
   FAULT_ERRNO: what that call and the following FAULT_MORE fail with; 0 kills the process instead.
   FAULT_COUNT: a file that the number of calls is written to at the end of the process.
   Calls: open for writing, write, rename, mkdir, unlink, fsync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static int below(const char *path) {
  const char *folder = getenv("FAULT_BELOW");
  char whole[PATH_MAX];
  if (!folder || !path) return 0;
  if (path[0] != '/') {
    if (!getcwd(whole, sizeof whole)) return 0;
    size_t length = strlen(whole);
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    path = whole;
  }
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int descriptor_below(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

/* Whether the call is to fail; errno is set then. */
static int strike(int counts) {
  if (!counts) return 0;
  long call = atomic_fetch_add(&calls, 1) + 1, at = number("FAULT_AT");
  if (!at || call < at || call > at + number("FAULT_MORE")) return 0;
  long error = number("FAULT_ERRNO");
  if (!error) kill(getpid(), SIGKILL);
  errno = (int)error;
  return 1;
}

__attribute__((destructor)) static void finish(void) {
  const char *place = getenv("FAULT_COUNT");
  if (!place) return;
  FILE *file = fopen(place, "w");
  if (file) {
    fprintf(file, "%ld\n", atomic_load(&calls));
    fclose(file);
  }
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...) {                                \
    REAL(name);                                                               \
    va_list rest;                                                             \
    va_start(rest, flags);                                                    \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                             \
    if (strike((flags & (O_WRONLY | O_RDWR | O_CREAT)) && below(path))) return -1; \
    return real(path, flags, mode);                                           \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int descriptor, const void *data, size_t count) {
  REAL(write);
  if (strike(descriptor > 2 && descriptor_below(descriptor))) return -1;
  return real(descriptor, data, count);
}

int rename(const char *old, const char *new) {
  REAL(rename);
  if (strike(below(new))) return -1;
  return real(old, new);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  if (strike(below(path))) return -1;
  return real(path, mode);
}

int unlink(const char *path) {
  REAL(unlink);
  if (strike(below(path))) return -1;
  return real(path);
}

int fsync(int descriptor) {
  REAL(fsync);
  if (strike(descriptor_below(descriptor))) return -1;
  return real(descriptor);
}
