// One source, several instruction sets: the loader picks the best version of each function marked MANY.
#pragma once
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define MANY __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define MANY
#endif
// Sums may be reordered into vector lanes; the order is fixed for a given instruction set.
#define RELAXED _Pragma("clang fp reassociate(on) contract(fast)")
