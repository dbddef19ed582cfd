// What Swift cannot import from Linux: variadic calls, calls glibc does not wrap, macros with casts,
// and signal handlers, which must not run Swift code.
//
// Convention: like the calls they wrap, functions return -1 and set errno on failure. hone_errno()
// reads it, since a Swift call in between may change it.
#ifndef HONE_CLINUX_H
#define HONE_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static inline int hone_errno(void) { return errno; }

// --- Files -------------------------------------------------------------------------------------

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

/// Renames, failing with EEXIST when `to` exists.
static inline int hone_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, (unsigned)RENAME_NOREPLACE);
}

/// Swaps two names in one step.
static inline int hone_rename_exchange(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, (unsigned)RENAME_EXCHANGE);
}

/// openat(2) without its variadic tail.
static inline int hone_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, (mode_t)mode);
}

/// Opens `path` strictly below `directory`: no "..", no symbolic links, no /proc links.
/// `same_mount` also refuses to cross into another mount. ENOSYS where the kernel or a filter lacks it.
static inline int hone_open_beneath(int directory, const char *path, uint64_t flags, uint64_t mode, bool same_mount) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    if (same_mount) how.resolve |= RESOLVE_NO_XDEV;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/// fcntl(2) with an integer argument.
static inline int hone_fcntl(int descriptor, int command, int argument) {
    return fcntl(descriptor, command, argument);
}

/// fstat/fstatat results flattened: no nested structs, times in nanoseconds since the epoch.
typedef struct {
    uint64_t device, inode, links;
    uint32_t mode, owner, group;
    int64_t size;
    int64_t modified_ns, changed_ns;
} hone_file_status;

static inline hone_file_status hone_flatten_status(const struct stat *s) {
    hone_file_status r;
    r.device = (uint64_t)s->st_dev;
    r.inode = (uint64_t)s->st_ino;
    r.links = (uint64_t)s->st_nlink;
    r.mode = (uint32_t)s->st_mode;
    r.owner = (uint32_t)s->st_uid;
    r.group = (uint32_t)s->st_gid;
    r.size = (int64_t)s->st_size;
    r.modified_ns = (int64_t)s->st_mtim.tv_sec * 1000000000LL + s->st_mtim.tv_nsec;
    r.changed_ns = (int64_t)s->st_ctim.tv_sec * 1000000000LL + s->st_ctim.tv_nsec;
    return r;
}

static inline int hone_fstat(int descriptor, hone_file_status *result) {
    struct stat s;
    if (fstat(descriptor, &s) != 0) return -1;
    *result = hone_flatten_status(&s);
    return 0;
}

/// The status of `name` in `directory` itself, never of what a link names.
static inline int hone_lstatat(int directory, const char *name, hone_file_status *result) {
    struct stat s;
    if (fstatat(directory, name, &s, AT_SYMLINK_NOFOLLOW) != 0) return -1;
    *result = hone_flatten_status(&s);
    return 0;
}

static inline bool hone_is_regular(uint32_t mode) { return S_ISREG(mode); }
static inline bool hone_is_directory(uint32_t mode) { return S_ISDIR(mode); }
static inline bool hone_is_link(uint32_t mode) { return S_ISLNK(mode); }

/// Makes the calling thread open files with the rights of `user`; true if it now does. For root only.
static inline bool hone_set_filesystem_user(unsigned user) {
    setfsuid(user);
    // It reports the previous user, also on failure: asking once more tells.
    return (unsigned)setfsuid(user) == user;
}

/// File systems on which neither flock nor SQLite's locks can be trusted.
#define HONE_MAGIC_NFS 0x6969
#define HONE_MAGIC_SMB 0x517B
#define HONE_MAGIC_CIFS 0xFF534D42
#define HONE_MAGIC_SMB2 0xFE534D42
#define HONE_MAGIC_OVERLAY 0x794c7630

/// The magic number of the file system that holds `path`; 0 when it cannot be asked.
static inline uint32_t hone_filesystem_magic(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) return 0;
    return (uint32_t)s.f_type;
}

/// Bytes free to us on the file system that holds `path`; UINT64_MAX when it cannot be asked.
static inline uint64_t hone_free_bytes(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) return UINT64_MAX;
    return (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
}

// --- Processes ---------------------------------------------------------------------------------

/// A descriptor that stands for process `pid` and cannot be reused for another.
static inline int hone_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0u); }

static inline int hone_pidfd_send_signal(int pidfd, int signal_number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0u);
}

static inline int hone_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0u);
}

static inline int hone_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}

/// The kernel's number of the calling thread.
static inline int hone_gettid(void) { return (int)syscall(SYS_gettid); }

/// Fills `buffer` with `length` (at most 256) random bytes.
static inline int hone_getrandom(void *buffer, size_t length) {
    return getrandom(buffer, length, 0) == (ssize_t)length ? 0 : -1;
}

/// setrlimit(2) of both limits. Defined in the source file: the types of resource.h differ between _GNU_SOURCE here and
/// Swift's view of the C library, and must not be seen twice.
int hone_limit_core_size(uint64_t bytes);
int hone_limit_file_size(uint64_t bytes);
int hone_limit_open_files(uint64_t count);

/// Processor seconds and peak resident bytes of this process.
typedef struct {
    double user_seconds, system_seconds;
    int64_t peak_resident_bytes;
} hone_usage;

hone_usage hone_usage_self(void);

// --- Processors --------------------------------------------------------------------------------

#define HONE_MAX_CPUS 1024

/// Writes the processors that thread `tid` (0: the caller) may use, ascending. Returns how many.
static inline int hone_get_affinity(int tid, int *cpus, int capacity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(tid, sizeof set, &set) != 0) return -1;
    int count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < capacity; cpu++)
        if (CPU_ISSET(cpu, &set)) cpus[count++] = cpu;
    return count;
}

/// Confines thread `tid` (0: the caller) to `cpus`.
static inline int hone_set_affinity(int tid, const int *cpus, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++) {
        if (cpus[i] < 0 || cpus[i] >= CPU_SETSIZE) { errno = EINVAL; return -1; }
        CPU_SET(cpus[i], &set);
    }
    return sched_setaffinity(tid, sizeof set, &set);
}

// --- Signals (clinux.c) ------------------------------------------------------------------------

/// Makes SIGTERM and SIGINT set a flag and nothing else. Further ones change nothing.
int hone_install_stop_flag(void);
/// Whether a stop was asked for, by a signal or by hone_request_stop.
bool hone_stop_requested(void);
/// Sets the flag as a signal would: for a lost leash or a stop message.
void hone_request_stop(void);
/// Clears the flag. For tests.
void hone_reset_stop(void);
/// Ignores SIGPIPE, SIGABRT and SIGHUP: a watchdog abort reaches every process of the service.
int hone_ignore_worker_signals(void);
int hone_ignore_sigpipe(void);
/// Makes SIGQUIT write the stack of the thread it reaches to `descriptor` and then go on.
int hone_install_stack_writer(int descriptor);

#endif
