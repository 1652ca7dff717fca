/* A layer between a program and the files of its data directory, loaded with LD_PRELOAD.
 *
 * DISK_DIR    only what lies in this directory, and the directory itself, is looked at.
 * DISK_TRACE  where every change is written down, in the order in which it was made.
 * DISK_FAULT  "EIO" or "ENOSPC", for the write or sync number DISK_AT (from 1), and for all that follow if
 *             DISK_FOR is "ever". DISK_OF says what is counted: "sync" syncs alone, "checkpoint" what the thread of
 *             that name writes and syncs, "checkpoint-sync" its syncs alone.
 * DISK_FULL   as long as there is a file of this name, writes find the disk full.
 *
 * One record of the trace: a letter, the file's number, an offset, a length, then so many bytes, all in the
 * byte order of the machine. Files are numbered by their inodes, as one name can stand for several in turn.
 *   C create (bytes: name)   O open one that is there (bytes: name)   W write   T truncate (offset: new length)   S sync   D sync of the directory
 *   U unlink (bytes: name)   R rename (bytes: both names, a NUL between)   P make a directory (bytes: path)
 *   E sync of a directory above   X sync that failed: what was not durable never will be
 *   Y sync of the directory that failed */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 4096 };
struct entry { char letter; uint64_t file, offset, length; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[4096];
static size_t directory_length;
static int trace = -1;
static long count, fail_at;
static const char *full, *fail_thread;
static int fail_with, fail_ever, fail_syncs;
/* The inode of each open file that is looked at; 1 is the directory itself. */
static uint64_t files[FDS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("DISK_DIR"), *path = getenv("DISK_TRACE"), *fault = getenv("DISK_FAULT");
    if (dir) {
        directory_length = strlen(strncpy(directory, dir, sizeof directory - 1));
    }
    if (path) {
        trace = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    full = getenv("DISK_FULL");
    if (fault) {
        fail_with = strcmp(fault, "ENOSPC") ? EIO : ENOSPC;
        fail_at = atol(getenv("DISK_AT") ? getenv("DISK_AT") : "1");
        fail_ever = getenv("DISK_FOR") != NULL;
        const char *of = getenv("DISK_OF");
        fail_syncs = of && strcmp(of, "checkpoint");
        fail_thread = of && strcmp(of, "sync") ? "checkpoint" : NULL;
    }
}

/* The name within the directory, "" for itself, NULL for what lies elsewhere. */
static const char *within(const char *path) {
    if (!directory_length || strncmp(path, directory, directory_length)) return NULL;
    if (!path[directory_length]) return "";
    return path[directory_length] == '/' ? path + directory_length + 1 : NULL;
}

static int above(const char *path) {
    const char *last = strrchr(directory, '/');
    return last && strlen(path) == (size_t)(last - directory) && !strncmp(path, directory, last - directory);
}

static void record(char letter, uint64_t file, uint64_t offset, const void *bytes, size_t length) {
    if (trace < 0) return;
    struct entry entry = {letter, file, offset, length};
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)bytes, bytes ? length : 0}};
    if (REAL(writev)(trace, parts, 2) < 0) abort();
}

static uint64_t known(int fd) { return fd >= 0 && fd < FDS ? files[fd] : 0; }

/* Whether this is a thread whose writes and syncs count. */
static int counts(void) {
    char name[16] = "";
    return !fail_thread || (!prctl(PR_GET_NAME, name) && !strcmp(name, fail_thread));
}

/* Whether this write or sync is to fail. */
static int fails(int is_sync) {
    if (full && !is_sync && !REAL(faccessat)(AT_FDCWD, full, F_OK, 0)) {
        fail_with = ENOSPC;
        return 1;
    }
    if (!fail_at || (fail_syncs && !is_sync) || !counts()) return 0;
    count++;
    return count == fail_at || (fail_ever && count > fail_at);
}

static int opened(int fd, const char *path, int flags, int existed) {
    const char *name = path[0] == '/' ? within(path) : NULL;
    if (fd < 0 || fd >= FDS) return fd;
    files[fd] = 0;
    if (!name) {
        /* A directory above is known by a number of its own, for its syncs alone. */
        if (path[0] == '/' && above(path)) files[fd] = 2;
        return fd;
    }
    struct stat status;
    if (fstat(fd, &status)) return fd;
    files[fd] = S_ISDIR(status.st_mode) ? 1 : status.st_ino;
    if (files[fd] == 1) return fd;
    record(!existed && flags & O_CREAT ? 'C' : 'O', files[fd], 0, name, strlen(name));
    if (flags & O_TRUNC) record('T', files[fd], 0, NULL, 0);
    return fd;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    int existed = !(flags & O_CREAT) || !REAL(faccessat)(at, path, F_OK, 0);
    int fd = opened(REAL(openat)(at, path, flags, mode), path, flags, existed);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }
int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_any(at, path, flags, mode); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS) files[fd] = 0;
    int result = REAL(close)(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t write_any(int fd, const void *bytes, size_t length, off64_t offset, int positioned) {
    uint64_t file = known(fd);
    if (file <= 2) return positioned ? REAL(pwrite64)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
    pthread_mutex_lock(&lock);
    ssize_t written = -1;
    if (fails(0)) {
        errno = fail_with;
    } else {
        struct stat status;
        if (!positioned) {
            int append = fcntl(fd, F_GETFL) & O_APPEND;
            offset = append && !fstat(fd, &status) ? status.st_size : lseek64(fd, 0, SEEK_CUR);
        }
        written = positioned ? REAL(pwrite64)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
        if (written > 0) record('W', file, offset, bytes, written);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_any(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_any(fd, bytes, length, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return write_any(fd, bytes, length, offset, 1); }

static int truncate_any(int fd, off64_t length) {
    pthread_mutex_lock(&lock);
    int result = REAL(ftruncate64)(fd, length);
    if (!result && known(fd) > 2) record('T', known(fd), length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

static int sync_any(int fd) {
    uint64_t file = known(fd);
    if (!file) return 0;
    pthread_mutex_lock(&lock);
    int result = 0;
    if (fails(1)) {
        if (file != 2) record(file == 1 ? 'Y' : 'X', file, 0, NULL, 0);
        errno = fail_with;
        result = -1;
    } else {
        record(file == 1 ? 'D' : file == 2 ? 'E' : 'S', file, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
/* Nothing is really synced: the power does not fail, and tests are to be fast. */
int fsync(int fd) { return sync_any(fd); }
int fdatasync(int fd) { return sync_any(fd); }

int unlink(const char *path) {
    pthread_mutex_lock(&lock);
    int result = REAL(unlink)(path);
    const char *name = path[0] == '/' ? within(path) : NULL;
    if (!result && name) record('U', 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    return result;
}

static void moved(const char *from, const char *to) {
    const char *old = within(from), *new = within(to);
    if (!old || !new) return;
    char both[8192];
    int length = snprintf(both, sizeof both, "%s%c%s", old, 0, new);
    record('R', 0, 0, both, length);
}
int rename(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    int result = REAL(rename)(from, to);
    if (!result) moved(from, to);
    pthread_mutex_unlock(&lock);
    return result;
}
int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags) {
    pthread_mutex_lock(&lock);
    int result = REAL(renameat2)(at, from, to_at, to, flags);
    if (!result) moved(from, to);
    pthread_mutex_unlock(&lock);
    return result;
}

/* The data directory itself, when it is made. */
int mkdir(const char *path, mode_t mode) {
    pthread_mutex_lock(&lock);
    int result = REAL(mkdir)(path, mode);
    const char *name = within(path);
    if (!result && name && !*name) record('P', 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}

