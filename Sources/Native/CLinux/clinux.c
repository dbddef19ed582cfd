#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(HONE_O_PATH == O_PATH, "the value in the header is that of this platform");

// --- Files and processes -----------------------------------------------------------------------

int hone_errno(void) { return errno; }

int hone_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, (unsigned)RENAME_NOREPLACE);
}

int hone_rename_exchange(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, (unsigned)RENAME_EXCHANGE);
}

int hone_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, (mode_t)mode);
}

int hone_open_beneath(int directory, const char *path, uint64_t flags, uint64_t mode, bool same_mount) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    if (same_mount) how.resolve |= RESOLVE_NO_XDEV;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int hone_fcntl(int descriptor, int command, int argument) {
    return fcntl(descriptor, command, argument);
}

static hone_file_status hone_flatten_status(const struct stat *s) {
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

int hone_fstat(int descriptor, hone_file_status *result) {
    struct stat s;
    if (fstat(descriptor, &s) != 0) return -1;
    *result = hone_flatten_status(&s);
    return 0;
}

int hone_lstatat(int directory, const char *name, hone_file_status *result) {
    struct stat s;
    if (fstatat(directory, name, &s, AT_SYMLINK_NOFOLLOW) != 0) return -1;
    *result = hone_flatten_status(&s);
    return 0;
}

bool hone_is_regular(uint32_t mode) { return S_ISREG(mode); }

bool hone_is_directory(uint32_t mode) { return S_ISDIR(mode); }

bool hone_is_link(uint32_t mode) { return S_ISLNK(mode); }

bool hone_set_filesystem_user(unsigned user) {
    setfsuid(user);
    // It reports the previous user, also on failure: asking once more tells.
    return (unsigned)setfsuid(user) == user;
}

uint32_t hone_filesystem_magic(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) return 0;
    return (uint32_t)s.f_type;
}

uint64_t hone_free_bytes(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) return UINT64_MAX;
    return (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
}

uint64_t hone_total_bytes(const char *path) {
    struct statfs s;
    if (statfs(path, &s) != 0) return 0;
    return (uint64_t)s.f_blocks * (uint64_t)s.f_bsize;
}

int hone_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0u); }

int hone_pidfd_send_signal(int pidfd, int signal_number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0u);
}

int hone_close_range(unsigned first, unsigned last) {
    return (int)syscall(SYS_close_range, first, last, 0u);
}

int hone_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}

int hone_gettid(void) { return (int)syscall(SYS_gettid); }

int hone_getrandom(void *buffer, size_t length) {
    return getrandom(buffer, length, 0) == (ssize_t)length ? 0 : -1;
}

int hone_get_affinity(int tid, int *cpus, int capacity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(tid, sizeof set, &set) != 0) return -1;
    int count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < capacity; cpu++)
        if (CPU_ISSET(cpu, &set)) cpus[count++] = cpu;
    return count;
}

int hone_set_affinity(int tid, const int *cpus, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++) {
        if (cpus[i] < 0 || cpus[i] >= CPU_SETSIZE) { errno = EINVAL; return -1; }
        CPU_SET(cpus[i], &set);
    }
    return sched_setaffinity(tid, sizeof set, &set);
}

// --- Signals -----------------------------------------------------------------------------------

// Lock-free on every Linux we build for, hence safe in a handler and from other threads, which
// sig_atomic_t alone is not.
static atomic_bool stop_flag;
static atomic_int stack_descriptor = -1;

static void on_stop_signal(int signal_number) {
    (void)signal_number;
    atomic_store_explicit(&stop_flag, true, memory_order_relaxed);
}

static int install(int signal_number, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(signal_number, &action, NULL);
}

int hone_install_stop_flag(void) {
    if (install(SIGTERM, on_stop_signal) != 0) return -1;
    return install(SIGINT, on_stop_signal);
}

bool hone_stop_requested(void) { return atomic_load_explicit(&stop_flag, memory_order_relaxed); }
void hone_request_stop(void) { atomic_store_explicit(&stop_flag, true, memory_order_relaxed); }
void hone_reset_stop(void) { atomic_store_explicit(&stop_flag, false, memory_order_relaxed); }

int hone_ignore_sigpipe(void) { return install(SIGPIPE, SIG_IGN); }

int hone_ignore_worker_signals(void) {
    if (install(SIGPIPE, SIG_IGN) != 0) return -1;
    if (install(SIGABRT, SIG_IGN) != 0) return -1;
    return install(SIGHUP, SIG_IGN);
}

static void on_quit_signal(int signal_number) {
    (void)signal_number;
    int saved = errno;
    int descriptor = atomic_load_explicit(&stack_descriptor, memory_order_relaxed);
    static const char title[] = "SIGQUIT: stack of the interrupted thread\n";
    ssize_t ignored = write(descriptor, title, sizeof title - 1);
    (void)ignored;
    void *frames[128];
    int count = backtrace(frames, 128);
    backtrace_symbols_fd(frames, count, descriptor);
    errno = saved;
}

int hone_install_stack_writer(int descriptor) {
    // The first call loads libgcc, which allocates: not something to do inside a handler.
    void *warm_up[1];
    (void)backtrace(warm_up, 1);
    atomic_store_explicit(&stack_descriptor, descriptor, memory_order_relaxed);
    return install(SIGQUIT, on_quit_signal);
}

static int limit_both(int resource, uint64_t value) {
    struct rlimit limit = {value, value};
    return setrlimit(resource, &limit);
}

int hone_limit_core_size(uint64_t bytes) { return limit_both(RLIMIT_CORE, bytes); }
int hone_limit_file_size(uint64_t bytes) { return limit_both(RLIMIT_FSIZE, bytes); }
int hone_limit_open_files(uint64_t count) { return limit_both(RLIMIT_NOFILE, count); }

hone_usage hone_usage_self(void) {
    struct rusage u;
    hone_usage r = {0, 0, 0};
    if (getrusage(RUSAGE_SELF, &u) != 0) return r;
    r.user_seconds = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec * 1e-6;
    r.system_seconds = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec * 1e-6;
    r.peak_resident_bytes = (int64_t)u.ru_maxrss * 1024;
    return r;
}

void hone_give_back_memory(void) {
    malloc_trim(0);
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return;
    char line[4352];
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        char mode[5];
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &begin, &end, mode, &inode) != 4) continue;
        // Executable pages of a file are never written, so dropping them loses nothing.
        if (inode != 0 && strcmp(mode, "r-xp") == 0) madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    fclose(maps);
}
