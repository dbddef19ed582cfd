// What Swift cannot import from Linux: variadic calls, calls glibc does not wrap, macros with casts,
// and signal handlers, which must not run Swift code.
//
// Convention: like the calls they wrap, functions return -1 and set errno on failure. hone_errno()
// reads it, since a Swift call in between may change it.
#ifndef HONE_CLINUX_H
#define HONE_CLINUX_H

// No header of the C library is included: with _GNU_SOURCE its types differ from those of Swift's own view of it, and the
// compiler refuses to see both.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int hone_errno(void);

// --- Files -------------------------------------------------------------------------------------

/// Renames, failing with EEXIST when `to` exists.
int hone_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);

/// Swaps two names in one step.
int hone_rename_exchange(int from_directory, const char *from, int to_directory, const char *to);

/// O_PATH, which only _GNU_SOURCE shows: a descriptor that stands for a place, not for its content.
#define HONE_O_PATH 010000000

/// openat(2) without its variadic tail.
int hone_openat(int directory, const char *path, int flags, unsigned mode);

/// Opens `path` strictly below `directory`: no "..", no symbolic links, no /proc links.
/// `same_mount` also refuses to cross into another mount. ENOSYS where the kernel or a filter lacks it.
int hone_open_beneath(int directory, const char *path, uint64_t flags, uint64_t mode, bool same_mount);

/// fcntl(2) with an integer argument.
int hone_fcntl(int descriptor, int command, int argument);

/// fstat/fstatat results flattened: no nested structs, times in nanoseconds since the epoch.
typedef struct {
    uint64_t device, inode, links;
    uint32_t mode, owner, group;
    int64_t size;
    int64_t modified_ns, changed_ns;
} hone_file_status;

int hone_fstat(int descriptor, hone_file_status *result);

/// The status of `name` in `directory` itself, never of what a link names.
int hone_lstatat(int directory, const char *name, hone_file_status *result);

bool hone_is_regular(uint32_t mode);
bool hone_is_directory(uint32_t mode);
bool hone_is_link(uint32_t mode);

/// Makes the calling thread open files with the rights of `user`; true if it now does. For root only.
bool hone_set_filesystem_user(unsigned user);

/// File systems on which neither flock nor SQLite's locks can be trusted.
#define HONE_MAGIC_NFS 0x6969
#define HONE_MAGIC_SMB 0x517B
#define HONE_MAGIC_CIFS 0xFF534D42
#define HONE_MAGIC_SMB2 0xFE534D42
#define HONE_MAGIC_OVERLAY 0x794c7630

/// The magic number of the file system that holds `path`; 0 when it cannot be asked.
uint32_t hone_filesystem_magic(const char *path);

/// Bytes free to us on the file system that holds `path`; UINT64_MAX when it cannot be asked.
uint64_t hone_free_bytes(const char *path);

/// Gives memory back to the kernel that is not needed now: what malloc keeps for later, and pages of program code, which
/// come back from the page cache when they are used.
void hone_give_back_memory(void);

/// Bytes in all on the file system of `path`; 0 if it cannot be asked.
uint64_t hone_total_bytes(const char *path);

// --- Processes ---------------------------------------------------------------------------------

/// A descriptor that stands for process `pid` and cannot be reused for another.
int hone_pidfd_open(int pid);

int hone_pidfd_send_signal(int pidfd, int signal_number);

int hone_close_range(unsigned first, unsigned last);

int hone_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

/// The kernel's number of the calling thread.
int hone_gettid(void);

/// Fills `buffer` with `length` (at most 256) random bytes.
int hone_getrandom(void *buffer, size_t length);

/// setrlimit(2) of both limits.
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
int hone_get_affinity(int tid, int *cpus, int capacity);

/// Confines thread `tid` (0: the caller) to `cpus`.
int hone_set_affinity(int tid, const int *cpus, int count);

// --- Signals -----------------------------------------------------------------------------------

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
