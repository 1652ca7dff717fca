// Preloaded: kills the process at a moment that is named by the one letter in the file that FAILPOINT_SHIM names.
//   r  it has received an answer 200, and has not yet looked at it
//   s  it is about to send an answer 200
// An empty file lets it live.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_armed(char moment) {
    const char *path = getenv("FAILPOINT_SHIM");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    char armed = 0;
    long count = syscall(SYS_read, file, &armed, 1);
    close(file);
    return count == 1 && armed == moment;
}

static void look(char moment, const void *bytes, ssize_t count) {
    static const char ANSWER[] = "HTTP/1.1 200";
    size_t length = sizeof ANSWER - 1;
    if (count >= (ssize_t)length && memcmp(bytes, ANSWER, length) == 0 && is_armed(moment)) {
        kill(getpid(), SIGKILL);
    }
}

ssize_t recv(int socket, void *bytes, size_t size, int flags) {
    ssize_t count = syscall(SYS_recvfrom, socket, bytes, size, flags, NULL, NULL);
    look('r', bytes, count);
    return count;
}

ssize_t read(int file, void *bytes, size_t size) {
    ssize_t count = syscall(SYS_read, file, bytes, size);
    look('r', bytes, count);
    return count;
}

ssize_t send(int socket, const void *bytes, size_t size, int flags) {
    look('s', bytes, (ssize_t)size);
    return syscall(SYS_sendto, socket, bytes, size, flags, NULL, 0);
}

ssize_t write(int file, const void *bytes, size_t size) {
    look('s', bytes, (ssize_t)size);
    return syscall(SYS_write, file, bytes, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (count > 0) look('s', parts[0].iov_base, (ssize_t)parts[0].iov_len);
    return syscall(SYS_writev, file, parts, count);
}
