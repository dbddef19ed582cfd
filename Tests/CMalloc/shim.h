// What the Glibc module leaves out: statistics of the heap.
#include <malloc.h>
