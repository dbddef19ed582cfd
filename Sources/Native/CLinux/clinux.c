#include "CLinux.h"

#include <execinfo.h>
#include <stdatomic.h>
#include <sys/resource.h>

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
