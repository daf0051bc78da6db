/* Preloaded into a process that writes a store: everything that it does to the files below one directory is appended to a
 * log, in the order in which it happened, with the bytes written. `log.rs` reads it.
 *
 * PARITEE_RECORD_ROOT is the directory, PARITEE_RECORD_LOG the log. Bytes written to PARITEE_RECORD_MARK are marks: the
 * process says by them what it has been told to be durable. sync_file_range is not recorded: it makes nothing durable. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, MARK };
enum { OTHER = 0, FILE_OR_FOLDER, MARKS };
#define DESCRIPTORS 4096

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *root, *mark;
static int log_to = -1;
static char kinds[DESCRIPTORS];

struct head { uint64_t op, file, at, path, data; };

__attribute__((constructor)) static void begin(void) {
    root = getenv("PARITEE_RECORD_ROOT");
    mark = getenv("PARITEE_RECORD_MARK");
    const char *log = getenv("PARITEE_RECORD_LOG");
    if (root && mark && log) log_to = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = syscall(SYS_write, log_to, at, length);
        if (n <= 0) abort();
        at += n, length -= n;
    }
}

static void note(int op, uint64_t file, uint64_t at, const char *path, const void *data, size_t length) {
    struct head head = {op, file, at, path ? strlen(path) : 0, length};
    int before = errno;
    put(&head, sizeof head);
    put(path ? path : "", head.path);
    put(data ? data : "", length);
    errno = before;
}

/* The path below the root, or NULL. */
static const char *inside(const char *path) {
    size_t length = root ? strlen(root) : 0;
    if (log_to < 0 || !path || strncmp(path, root, length) != 0) return NULL;
    if (path[length] == '\0') return "";
    return path[length] == '/' ? path + length + 1 : NULL;
}

/* An absolute path of what a call names. */
static const char *resolve(int folder, const char *path, char *into) {
    if (path[0] == '/') return path;
    char link[64];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, into, PATH_MAX);
    if (n < 0 || n + strlen(path) + 2 > PATH_MAX) return path;
    into[n] = '/';
    strcpy(into + n + 1, path);
    return into;
}

static uint64_t number(int fd) {
    struct stat stat;
    return fstat(fd, &stat) == 0 ? stat.st_ino : 0;
}

static int kind(int fd) { return fd >= 0 && fd < DESCRIPTORS && log_to >= 0 ? kinds[fd] : OTHER; }


static int opened(int folder, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *whole = resolve(folder, path, buffer), *in = inside(whole);
    if (log_to < 0) return syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat stat_before;
    int was_there = fstatat(folder, path, &stat_before, 0) == 0;
    int fd = syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS) {
        kinds[fd] = in ? FILE_OR_FOLDER : strcmp(whole, mark) == 0 ? MARKS : OTHER;
        if (in && !was_there) note(CREATE, number(fd), 0, in, NULL, 0);
        else if (in && (flags & O_TRUNC)) note(TRUNCATE, number(fd), 0, in, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE mode_t mode = 0; va_list list; va_start(list, flags); if (flags & (O_CREAT | __O_TMPFILE)) mode = va_arg(list, mode_t); va_end(list)
int open(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE; return opened(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < DESCRIPTORS) kinds[fd] = OTHER;
    int result = syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (kind(fd) == OTHER) return syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&lock);
    ssize_t n = syscall(SYS_write, fd, bytes, length);
    if (n > 0 && kind(fd) == MARKS) note(MARK, 0, 0, NULL, bytes, n);
    else if (n > 0) note(WRITE, number(fd), syscall(SYS_lseek, fd, 0, SEEK_CUR) - n, NULL, bytes, n);
    pthread_mutex_unlock(&lock);
    return n;
}

static ssize_t written(int fd, const void *bytes, size_t length, off64_t at) {
    if (kind(fd) == OTHER) return syscall(SYS_pwrite64, fd, bytes, length, at);
    pthread_mutex_lock(&lock);
    ssize_t n = syscall(SYS_pwrite64, fd, bytes, length, at);
    if (n > 0) note(WRITE, number(fd), at, NULL, bytes, n);
    pthread_mutex_unlock(&lock);
    return n;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return written(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return written(fd, bytes, length, at); }

static int truncated(int fd, off64_t length) {
    if (kind(fd) == OTHER) return syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_ftruncate, fd, length);
    if (result == 0) note(TRUNCATE, number(fd), length, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncated(fd, length); }

static int synced(int fd, int call) {
    if (kind(fd) == OTHER) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    int result = syscall(call, fd);
    if (result == 0) note(SYNC, number(fd), 0, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int renamed(int from_folder, const char *from, int to_folder, const char *to) {
    char first[PATH_MAX], second[PATH_MAX];
    const char *in = inside(resolve(from_folder, from, first)), *out = inside(resolve(to_folder, to, second));
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
    if (result == 0 && in && out) note(RENAME, 0, 0, in, out, strlen(out));
    pthread_mutex_unlock(&lock);
    return result;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to); }

static int unlinked(int folder, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *in = inside(resolve(folder, path, buffer));
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_unlinkat, folder, path, flags);
    if (result == 0 && in) note(UNLINK, 0, 0, in, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int unlink(const char *path) { return unlinked(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return unlinked(folder, path, flags); }
int rmdir(const char *path) { return unlinked(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *in = inside(resolve(AT_FDCWD, path, buffer));
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    struct stat stat;
    if (result == 0 && in && fstatat(AT_FDCWD, path, &stat, 0) == 0) note(MKDIR, stat.st_ino, 0, in, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
