// Stands between a program and the kernel where files are changed, for tests of storage faults (LD_PRELOAD).
//
//   HONE_IO_ROOT=DIR    only paths below DIR count
//   HONE_IO_LOG=FILE    appends a record of every change that has succeeded, after it has and before the caller knows
//   HONE_IO_FAULT=CLASS:N:ERROR   the N-th call of a class fails; CLASS is write, sync, rename, open, truncate or any,
//                       ERROR is eio, enospc, erofs or short (half of the bytes are written), with a + in front from then on
//
// A record: 4 bytes 'HIO1', 1 byte kind, 8 bytes inode, 8 bytes offset, 4 + 4 bytes lengths, two byte strings.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 'c', WRITE = 'w', TRUNCATE = 't', SYNC = 's', SYNC_DIRECTORY = 'd', RENAME = 'r', LINK = 'l',
            UNLINK = 'u', MAKE_DIRECTORY = 'm', REMOVE_DIRECTORY = 'x' };
enum class { OPEN = 1, WRITING = 2, SYNCING = 4, RENAMING = 8, TRUNCATING = 16 };

static const char *root, *log_path;
static size_t root_length;
static int fault_classes, fault_error, fault_sticky;
static long fault_at;
static atomic_long calls;
static int log_descriptor = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
// The log must have the order of the changes.
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

// The C library's own, as ours is one of those that are stood in for.
static long kernel(long number, ...) {
    static long (*next)(long, ...);
    if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long), e = va_arg(list, long),
         f = va_arg(list, long);
    va_end(list);
    return next(number, a, b, c, d, e, f);
}

static void set_up(void) {
    root = getenv("HONE_IO_ROOT");
    root_length = root ? strlen(root) : 0;
    log_path = getenv("HONE_IO_LOG");
    if (log_path) log_descriptor = (int)kernel(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char class[16] = "", error[16] = "";
    const char *fault = getenv("HONE_IO_FAULT");
    if (fault && sscanf(fault, "%15[^:]:%ld:%15s", class, &fault_at, error) == 3) {
        const char *word = error;
        if (*word == '+') fault_sticky = 1, word++;
        fault_error = !strcmp(word, "enospc") ? ENOSPC : !strcmp(word, "erofs") ? EROFS : !strcmp(word, "short") ? -1 : EIO;
        fault_classes = !strcmp(class, "write") ? WRITING : !strcmp(class, "sync") ? SYNCING : !strcmp(class, "rename") ? RENAMING
            : !strcmp(class, "open") ? OPEN : !strcmp(class, "truncate") ? TRUNCATING : 31;
    }
}

static int counts(const char *path) { return root && !strncmp(path, root, root_length) && path[root_length] == '/'; }

static int is_memory_map(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm");
}

// The path behind a descriptor; 0 where it does not count.
static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return counts(path) && !is_memory_map(path);
}

static int resolve(int directory, const char *name, char *path) {
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX];
        if (directory == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if ((size_t)snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return counts(path) && !is_memory_map(path);
}

static void record(enum kind kind, uint64_t inode, int64_t offset, const void *first, size_t first_length, const void *second,
                   size_t second_length) {
    if (log_descriptor < 0) return;
    unsigned char header[29] = "HIO1";
    uint32_t lengths[2] = {(uint32_t)first_length, (uint32_t)second_length};
    header[4] = kind;
    memcpy(header + 5, &inode, 8);
    memcpy(header + 13, &offset, 8);
    memcpy(header + 21, lengths, 8);
    struct iovec parts[3] = {{header, 29}, {(void *)first, first_length}, {(void *)second, second_length}};
    kernel(SYS_writev, log_descriptor, parts, 3);
}

static uint64_t inode_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

// The error to fail with: 0 none, -1 a short write.
static int fault(enum class class) {
    if (!(fault_classes & class)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call != fault_at && !(fault_sticky && call > fault_at)) return 0;
    // A file that says the fault was met, or a test of it could pass without one.
    const char *met = getenv("HONE_IO_MET");
    if (met) close((int)kernel(SYS_openat, AT_FDCWD, met, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    return fault_error;
}

#define FAIL_IF_ASKED(class)                                                                                                   \
    do {                                                                                                                       \
        int error = fault(class);                                                                                              \
        if (error > 0) return errno = error, -1;                                                                               \
    } while (0)
#define PREPARE() pthread_once(&once, set_up)
#define LOGGING (log_descriptor >= 0)

static int open_and_record(int directory, const char *name, int flags, mode_t mode) {
    PREPARE();
    char path[PATH_MAX];
    int matters = (flags & (O_WRONLY | O_RDWR | O_CREAT)) && resolve(directory, name, path);
    if (matters) FAIL_IF_ASKED(OPEN);
    if (!matters || !LOGGING) return (int)kernel(SYS_openat, directory, name, flags, mode);
    pthread_mutex_lock(&order);
    struct stat before;
    int existed = fstatat(directory, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    int opened = (int)kernel(SYS_openat, directory, name, flags, mode);
    if (opened >= 0) {
        if (!existed) record(CREATE, inode_of(opened), 0, path, strlen(path), 0, 0);
        else if (flags & O_TRUNC) record(TRUNCATE, inode_of(opened), 0, 0, 0, 0, 0);
    }
    int saved = errno;
    pthread_mutex_unlock(&order);
    errno = saved;
    return opened;
}

#define MODE()                                                                                                                 \
    mode_t mode = 0;                                                                                                           \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                                                     \
        va_list list;                                                                                                          \
        va_start(list, flags);                                                                                                 \
        mode = va_arg(list, mode_t);                                                                                           \
        va_end(list);                                                                                                          \
    }

int open(const char *name, int flags, ...) { MODE() return open_and_record(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE() return open_and_record(AT_FDCWD, name, flags, mode); }
int openat(int directory, const char *name, int flags, ...) { MODE() return open_and_record(directory, name, flags, mode); }
int openat64(int directory, const char *name, int flags, ...) { MODE() return open_and_record(directory, name, flags, mode); }

// Writes at `offset`, or at the descriptor's own place if that is negative.
static ssize_t write_and_record(int descriptor, const void *bytes, size_t count, off_t offset) {
    PREPARE();
    char path[PATH_MAX];
    if (root && path_of(descriptor, path)) {
        int error = fault(WRITING);
        if (error > 0) return errno = error, -1;
        if (error < 0 && count > 1) count /= 2;
    } else {
        path[0] = 0;
    }
    int logs = path[0] && LOGGING;
    if (logs) pthread_mutex_lock(&order);
    ssize_t written = offset < 0 ? kernel(SYS_write, descriptor, bytes, count) : kernel(SYS_pwrite64, descriptor, bytes, count, offset);
    int saved = errno;
    if (logs) {
        off_t at = offset < 0 ? (off_t)kernel(SYS_lseek, descriptor, 0, SEEK_CUR) - written : offset;
        if (written > 0) record(WRITE, inode_of(descriptor), at, bytes, (size_t)written, 0, 0);
        pthread_mutex_unlock(&order);
    }
    errno = saved;
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) { return write_and_record(descriptor, bytes, count, -1); }
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) { return write_and_record(descriptor, bytes, count, offset); }
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) { return write_and_record(descriptor, bytes, count, offset); }

static int truncate_and_record(int descriptor, off_t length) {
    PREPARE();
    char path[PATH_MAX];
    int matters = root && path_of(descriptor, path);
    if (matters) FAIL_IF_ASKED(TRUNCATING);
    int result = (int)kernel(SYS_ftruncate, descriptor, length);
    if (matters && result == 0) record(TRUNCATE, inode_of(descriptor), length, 0, 0, 0, 0);
    return result;
}

int ftruncate(int descriptor, off_t length) { return truncate_and_record(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return truncate_and_record(descriptor, length); }

static int sync_and_record(int descriptor, int number) {
    PREPARE();
    char path[PATH_MAX];
    struct stat status;
    int matters = root && path_of(descriptor, path) && fstat(descriptor, &status) == 0;
    if (matters) FAIL_IF_ASKED(SYNCING);
    int result = (int)kernel(number, descriptor);
    if (matters && result == 0) {
        if (S_ISDIR(status.st_mode)) record(SYNC_DIRECTORY, status.st_ino, 0, path, strlen(path), 0, 0);
        else record(SYNC, status.st_ino, 0, 0, 0, 0, 0);
    }
    return result;
}

int fsync(int descriptor) { return sync_and_record(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return sync_and_record(descriptor, SYS_fdatasync); }

static int two_names(enum kind kind, int old_directory, const char *old, int new_directory, const char *new, unsigned flags) {
    PREPARE();
    char from[PATH_MAX], to[PATH_MAX];
    int matters = resolve(old_directory, old, from) & resolve(new_directory, new, to);
    if (matters) FAIL_IF_ASKED(RENAMING);
    if (matters && LOGGING) pthread_mutex_lock(&order);
    int result = (int)(kind == RENAME ? kernel(SYS_renameat2, old_directory, old, new_directory, new, flags)
                                      : kernel(SYS_linkat, old_directory, old, new_directory, new, flags));
    int saved = errno;
    if (matters && LOGGING) {
        if (result == 0) record(kind, 0, 0, from, strlen(from), to, strlen(to));
        pthread_mutex_unlock(&order);
    }
    errno = saved;
    return result;
}

int rename(const char *old, const char *new) { return two_names(RENAME, AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return two_names(RENAME, from, old, to, new, 0); }
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) { return two_names(RENAME, from, old, to, new, flags); }
int link(const char *old, const char *new) { return two_names(LINK, AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) { return two_names(LINK, from, old, to, new, (unsigned)flags); }

static int one_name(enum kind kind, int directory, const char *name, int number, int argument) {
    PREPARE();
    char path[PATH_MAX];
    int matters = resolve(directory, name, path);
    if (matters && LOGGING) pthread_mutex_lock(&order);
    int result = (int)kernel(number, directory, name, argument);
    int saved = errno;
    if (matters && LOGGING) {
        if (result == 0) record(kind, 0, 0, path, strlen(path), 0, 0);
        pthread_mutex_unlock(&order);
    }
    errno = saved;
    return result;
}

int unlink(const char *name) { return one_name(UNLINK, AT_FDCWD, name, SYS_unlinkat, 0); }
int unlinkat(int directory, const char *name, int flags) {
    return one_name(flags & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK, directory, name, SYS_unlinkat, flags);
}
int rmdir(const char *name) { return one_name(REMOVE_DIRECTORY, AT_FDCWD, name, SYS_unlinkat, AT_REMOVEDIR); }
int mkdir(const char *name, mode_t mode) { return one_name(MAKE_DIRECTORY, AT_FDCWD, name, SYS_mkdirat, (int)mode); }
int mkdirat(int directory, const char *name, mode_t mode) { return one_name(MAKE_DIRECTORY, directory, name, SYS_mkdirat, (int)mode); }

// A rename without replacing goes through syscall(), for want of a function in older libraries.
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long), e = va_arg(list, long),
         f = va_arg(list, long);
    va_end(list);
    if (number != SYS_renameat2) return kernel(number, a, b, c, d, e, f);
    return two_names(RENAME, (int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
}
