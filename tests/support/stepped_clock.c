/* Loaded in front of a program (LD_PRELOAD), so that its clocks are stepped and the machine's are not: from
 * when the file HOLLER_WALL_STEP is there, the wall clock is off by the seconds in it, and the stamps of
 * datagrams that arrive too; from when HOLLER_BOOT_STEP is there, the clock that nobody sets has jumped, as
 * after a sleep. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static long step(const char* variable) {
  const char* path = getenv(variable);
  FILE* file = path ? fopen(path, "re") : NULL;
  long seconds = 0;
  if (file) {
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
  }
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += step("HOLLER_WALL_STEP");
  if (result == 0 && clock == CLOCK_BOOTTIME) now->tv_sec += step("HOLLER_BOOT_STEP");
  return result;
}

int gettimeofday(struct timeval* now, void* zone) {
  (void)zone;
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  now->tv_sec = wall.tv_sec;
  now->tv_usec = wall.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  if (out) *out = wall.tv_sec;
  return wall.tv_sec;
}

static void step_stamps(struct msghdr* header, long seconds) {
  for (struct cmsghdr* part = CMSG_FIRSTHDR(header); part && seconds != 0; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec stamp;
    memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    stamp.tv_sec += seconds;
    memcpy(CMSG_DATA(part), &stamp, sizeof stamp);
  }
}

int recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags, struct timespec* timeout) {
  static int (*real)(int, struct mmsghdr*, unsigned, int, struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "recvmmsg");
  const int got = real(fd, messages, count, flags, timeout);
  const long seconds = got > 0 ? step("HOLLER_WALL_STEP") : 0;
  for (int i = 0; i < got; ++i) step_stamps(&messages[i].msg_hdr, seconds);
  return got;
}

ssize_t recvmsg(int fd, struct msghdr* header, int flags) {
  static ssize_t (*real)(int, struct msghdr*, int);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "recvmsg");
  const ssize_t got = real(fd, header, flags);
  if (got >= 0) step_stamps(header, step("HOLLER_WALL_STEP"));
  return got;
}
