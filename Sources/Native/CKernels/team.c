// A fork-join team: threads are made once, wait by spinning for some tens of microseconds and then asleep.
#define _GNU_SOURCE
#include "CKernels.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 4000 };

struct hone_team {
    int32_t threads;
    _Atomic uint32_t generation, pending;
    _Atomic int64_t next;
    _Atomic int stop;
    _Atomic int32_t sleepers;
    hone_team_body body;
    void *context;
    _Atomic int joining;
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    pthread_t *handles;
};

typedef struct { hone_team *team; int32_t index; } start;

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Waits until the generation differs from `seen`; the new one.
static uint32_t await(hone_team *team, uint32_t seen) {
    for (int i = 0; i < SPINS; i++) {
        uint32_t now = atomic_load_explicit(&team->generation, memory_order_acquire);
        if (now != seen) return now;
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    uint32_t now;
    while ((now = atomic_load(&team->generation)) == seen) pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
    return now;
}

// A thread's part is done; the last one wakes the caller if it fell asleep.
static void finish(hone_team *team) {
    if (atomic_fetch_sub(&team->pending, 1) > 1 || !atomic_load(&team->joining)) return;
    pthread_mutex_lock(&team->mutex);
    pthread_cond_signal(&team->done);
    pthread_mutex_unlock(&team->mutex);
}

// Waits until every part is done. A thread that lost its core can take long: the caller then gives up its own, which
// that thread may be waiting for.
static void join(hone_team *team) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&team->pending, memory_order_acquire) == 0) return;
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_store(&team->joining, 1);
    while (atomic_load(&team->pending) > 0) pthread_cond_wait(&team->done, &team->mutex);
    atomic_store(&team->joining, 0);
    pthread_mutex_unlock(&team->mutex);
}

static void *work(void *argument) {
    start s = *(start *)argument;
    free(argument);
    uint32_t seen = 0;
    for (;;) {
        seen = await(s.team, seen);
        if (atomic_load(&s.team->stop)) return 0;
        s.team->body(s.team->context, s.index);
        finish(s.team);
    }
}

static void announce(hone_team *team) {
    atomic_fetch_add(&team->generation, 1);
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->mutex);
    }
}

hone_team *hone_team_create(int32_t threads) {
    hone_team *team = calloc(1, sizeof(hone_team));
    if (!team) return 0;
    team->threads = 1;
    team->handles = calloc((size_t)threads, sizeof(pthread_t));
    pthread_mutex_init(&team->mutex, 0);
    pthread_cond_init(&team->wake, 0);
    pthread_cond_init(&team->done, 0);
    for (int32_t i = 1; i < threads; i++) {
        start *s = malloc(sizeof(start));
        if (s) *s = (start){team, i};
        if (!s || pthread_create(&team->handles[i], 0, work, s) != 0) {
            free(s);
            hone_team_destroy(team);
            return 0;
        }
        team->threads = i + 1;
    }
    return team;
}

void hone_team_destroy(hone_team *team) {
    atomic_store(&team->stop, 1);
    announce(team);
    for (int32_t i = 1; i < team->threads; i++) pthread_join(team->handles[i], 0);
    pthread_mutex_destroy(&team->mutex);
    pthread_cond_destroy(&team->wake);
    pthread_cond_destroy(&team->done);
    free(team->handles);
    free(team);
}

void hone_team_run(hone_team *team, hone_team_body body, void *context) {
    team->body = body;
    team->context = context;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    if (team->threads > 1) {
        atomic_store(&team->pending, (uint32_t)(team->threads - 1));
        announce(team);
    }
    body(context, 0);
    join(team);
}

#if defined(__x86_64__) || defined(__aarch64__)
#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_CONTEXT __attribute__((swift_context))
#else
#error "the calling convention of Swift closures is known for x86-64 and AArch64 only"
#endif

typedef SWIFT_CALL void (*closure_code)(intptr_t thread, SWIFT_CONTEXT const void *captured);
typedef struct { closure_code code; const void *captured; } closure;

static void call_closure(void *context, int32_t thread) {
    const closure *c = context;
    c->code(thread, c->captured);
}

// Called from Swift with a closure that does not escape, whose two words arrive as they are: the captured values stay
// on the caller's stack, where a C callback with a context pointer would make Swift box them on the heap. Not in the
// header: only a Swift declaration can say what it takes.
SWIFT_CALL void hone_team_run_closure(hone_team *team, closure_code code, const void *captured);
SWIFT_CALL void hone_team_run_closure(hone_team *team, closure_code code, const void *captured) {
    closure c = {code, captured};
    hone_team_run(team, call_closure, &c);
}

int64_t hone_team_next(hone_team *team) { return atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed); }
