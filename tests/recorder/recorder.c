/*
 * Notes what a process does to one folder: every file made, write, truncation, rename, link, removal and sync, in their order.
 * Preloaded (LD_PRELOAD), it takes the place of libc's functions, calls the kernel, and appends a record to a log.
 * tests/src/lying_disk reads the log, and makes of it the folder that a power failure could have left.
 *
 * DISK_FOLDER: the folder, absolute. DISK_LOG: the log, outside of it.
 *
 * Changes are made one at a time, so that their order in the log is theirs on disk. A sync is not: it is noted when it is over,
 * with the number of records that there were when it began, which is what it covers. Reads and shared memory are not noted.
 */
#define _GNU_SOURCE
#include <dirent.h>
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
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum op { CREATED = 1, WRITTEN, CUT, SYNCED, RENAMED, LINKED, REMOVED, FOLDER_MADE };

/* What is in front of each record: two texts or a text and bytes follow. In the machine's byte order. */
struct head {
    uint64_t op, at_ns, inode, offset, covers, first_bytes, second_bytes;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static uint64_t records;
static char folder[PATH_MAX];
static size_t folder_bytes;

__attribute__((constructor)) static void begin(void)
{
    const char *of = getenv("DISK_FOLDER"), *to = getenv("DISK_LOG");
    if (of == NULL || to == NULL)
        return;
    snprintf(folder, sizeof folder, "%s", of);
    folder_bytes = strlen(folder);
    log_file = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0)
        abort();
}

static void append(const void *bytes, size_t count)
{
    const char *from = bytes;
    while (count > 0) {
        long done = syscall(SYS_write, log_file, from, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            abort(); /* a log with a hole proves nothing */
        from += done;
        count -= (size_t)done;
    }
}

static void note(enum op op, uint64_t inode, uint64_t offset, uint64_t covers, const char *first, const void *second, size_t second_bytes)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct head head = {
        .op = op,
        .at_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .inode = inode,
        .offset = offset,
        .covers = covers,
        .first_bytes = first == NULL ? 0 : strlen(first),
        .second_bytes = second_bytes,
    };
    append(&head, sizeof head);
    append(first, head.first_bytes);
    append(second, second_bytes);
    records++;
}

static int is_ours(const char *path)
{
    return log_file >= 0 && strncmp(path, folder, folder_bytes) == 0 && (path[folder_bytes] == '/' || path[folder_bytes] == 0);
}

/* The path that a file descriptor was opened by; not ours if it is none of a file or folder. */
static int path_of(int fd, char *path, struct stat *there)
{
    if (log_file < 0 || fstat(fd, there) != 0 || !(S_ISREG(there->st_mode) || S_ISDIR(there->st_mode)))
        return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long bytes = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (bytes < 0)
        return 0;
    path[bytes] = 0;
    return is_ours(path);
}

static void whole_path(int at, const char *path, char *whole)
{
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        char link[64] = "/proc/self/cwd";
        if (at != AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        long bytes = syscall(SYS_readlinkat, AT_FDCWD, link, base, PATH_MAX - 2);
        base[bytes < 0 ? 0 : bytes] = 0;
        strcat(base, "/");
    }
    if (snprintf(whole, PATH_MAX, "%s%s", base, path) >= PATH_MAX)
        abort();
}

static uint64_t inode_at(const char *path)
{
    struct stat there;
    return lstat(path, &there) == 0 ? there.st_ino : 0;
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    char whole[PATH_MAX];
    whole_path(at, path, whole);
    if (!is_ours(whole) || (flags & (O_CREAT | O_TRUNC | __O_TMPFILE)) == 0 || (flags & O_DIRECTORY && (flags & __O_TMPFILE) != __O_TMPFILE))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&turn);
    int is_new = inode_at(whole) == 0 || (flags & __O_TMPFILE) == __O_TMPFILE;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int kept = errno;
    struct stat there;
    if (fd >= 0 && fstat(fd, &there) == 0 && S_ISREG(there.st_mode)) {
        if ((flags & __O_TMPFILE) == __O_TMPFILE)
            note(CREATED, there.st_ino, 0, 0, "", NULL, 0);
        else if (is_new)
            note(CREATED, there.st_ino, 0, 0, whole, NULL, 0);
        else if (flags & O_TRUNC)
            note(CUT, there.st_ino, 0, 0, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    errno = kept;
    return fd;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0;
}

#define OPEN(name)                                                                                                                     \
    int name(const char *path, int flags, ...)                                                                                        \
    {                                                                                                                                  \
        va_list rest;                                                                                                                  \
        va_start(rest, flags);                                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                                           \
        va_end(rest);                                                                                                                  \
        return open_at(AT_FDCWD, path, flags, mode);                                                                                  \
    }
#define OPEN_AT(name)                                                                                                                  \
    int name(int at, const char *path, int flags, ...)                                                                                \
    {                                                                                                                                  \
        va_list rest;                                                                                                                  \
        va_start(rest, flags);                                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                                           \
        va_end(rest);                                                                                                                  \
        return open_at(at, path, flags, mode);                                                                                        \
    }
OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* `at` is -1 for a write at the file's own position. */
static ssize_t write_at(int fd, const void *bytes, size_t count, int64_t at)
{
    char path[PATH_MAX];
    struct stat there;
    int ours = path_of(fd, path, &there);
    if (ours)
        pthread_mutex_lock(&turn);
    ssize_t done = at < 0 ? syscall(SYS_write, fd, bytes, count) : syscall(SYS_pwrite64, fd, bytes, count, at);
    int kept = errno;
    if (ours) {
        if (done > 0) {
            int64_t offset = at < 0 ? syscall(SYS_lseek, fd, 0, SEEK_CUR) - done : at;
            note(WRITTEN, there.st_ino, (uint64_t)offset, 0, NULL, bytes, (size_t)done);
        }
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    return write_at(fd, bytes, count, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    return write_at(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
    return write_at(fd, bytes, count, at);
}

/* A short write is a right answer: only the first part of several is written to a file of ours. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    char path[PATH_MAX];
    struct stat there;
    if (!path_of(fd, path, &there))
        return syscall(SYS_writev, fd, parts, count);
    for (int n = 0; n < count; n++)
        if (parts[n].iov_len > 0)
            return write_at(fd, parts[n].iov_base, parts[n].iov_len, -1);
    return 0;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    for (int n = 0; n < count; n++)
        if (parts[n].iov_len > 0)
            return write_at(fd, parts[n].iov_base, parts[n].iov_len, at);
    return 0;
}

/* Callers copy by reads and writes where the kernel cannot. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags)
{
    char path[PATH_MAX];
    struct stat there;
    if (!path_of(out, path, &there))
        return syscall(SYS_copy_file_range, in, from, out, to, count, flags);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile64(int out, int in, off64_t *from, size_t count)
{
    char path[PATH_MAX];
    struct stat there;
    if (!path_of(out, path, &there))
        return syscall(SYS_sendfile, out, in, from, count);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile(int out, int in, off_t *from, size_t count)
{
    return sendfile64(out, in, from, count);
}

int ftruncate64(int fd, off64_t size)
{
    char path[PATH_MAX];
    struct stat there;
    int ours = path_of(fd, path, &there);
    if (ours)
        pthread_mutex_lock(&turn);
    int done = (int)syscall(SYS_ftruncate, fd, size);
    int kept = errno;
    if (ours) {
        if (done == 0)
            note(CUT, there.st_ino, (uint64_t)size, 0, NULL, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int sync_by(long call, int fd)
{
    char path[PATH_MAX];
    struct stat there;
    int ours = path_of(fd, path, &there);
    pthread_mutex_lock(&turn);
    uint64_t covers = records;
    pthread_mutex_unlock(&turn);
    int done = (int)syscall(call, fd);
    int kept = errno;
    if (ours && done == 0) {
        pthread_mutex_lock(&turn);
        note(SYNCED, there.st_ino, 0, covers, S_ISDIR(there.st_mode) ? path : NULL, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char old[PATH_MAX], new[PATH_MAX];
    whole_path(from_at, from, old);
    whole_path(to_at, to, new);
    int ours = is_ours(old) || is_ours(new);
    if (ours)
        pthread_mutex_lock(&turn);
    uint64_t inode = ours ? inode_at(old) : 0;
    int done = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int kept = errno;
    if (ours) {
        if (done == 0)
            note(RENAMED, inode, 0, 0, old, new, strlen(new));
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    char new[PATH_MAX];
    whole_path(to_at, to, new);
    int ours = is_ours(new);
    if (ours)
        pthread_mutex_lock(&turn);
    int done = (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
    int kept = errno;
    if (ours) {
        if (done == 0)
            note(LINKED, inode_at(new), 0, 0, new, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    char whole[PATH_MAX];
    whole_path(at, path, whole);
    int ours = is_ours(whole);
    if (ours)
        pthread_mutex_lock(&turn);
    int done = (int)syscall(SYS_unlinkat, at, path, flags);
    int kept = errno;
    if (ours) {
        if (done == 0)
            note(REMOVED, 0, 0, 0, whole, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    whole_path(at, path, whole);
    int ours = is_ours(whole);
    if (ours)
        pthread_mutex_lock(&turn);
    int done = (int)syscall(SYS_mkdirat, at, path, mode);
    int kept = errno;
    if (ours) {
        if (done == 0)
            note(FOLDER_MADE, inode_at(whole), 0, 0, whole, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    errno = kept;
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
