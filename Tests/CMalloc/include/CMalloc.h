// Counts what the heap is asked for. Linking this replaces the allocator's entry points in the whole process.
#pragma once

// Allocations of all threads since the process began.
long hone_allocation_count(void);
