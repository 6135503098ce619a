// What kernels and their launches ask of the scheduler in runtime.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "vector_types.h"

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace cuda_host {

// The ways in which threads meet: those of a block first, then those of a warp. runtime.cpp has their names.
enum class Meeting : uint8_t {
    syncthreads,
    syncthreads_or,
    syncthreads_and,
    syncthreads_count,
    syncwarp,
    shuffle,
    ballot,
    match_any,
    reduce_add,
    reduce_min,
    reduce_max,
    reduce_or,
    reduce_and,
};

// Wait for all threads of the block, or for the lanes of a mask; every thread brings a value and takes a result.
uint64_t meet_block(Meeting meeting, bool value = false);
uint64_t meet_warp(Meeting meeting, unsigned mask, uint64_t value = 0, int source_lane = -1);

int lane();
void *dynamic_shared();
void before_atomic(const void *address, unsigned size);  // another thread may run first
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));  // stops the launch

// Memory with a name for messages: an argument's, or a __shared__ variable. Fields as of class Region in library.py.
struct Region {
    char *begin;
    uint64_t size;
    const char *name;
};

// Fields as of class Launch in library.py.
struct Launch {
    void (*kernel)(void **arguments);
    void **arguments;
    Region *regions;  // of the arguments
    uint64_t region_count;
    Region *shared;  // the module's __shared__ variables
    uint64_t shared_count;
    double patience;  // seconds of CPU time, in which a thread has to meet others or come to its end
    uint64_t seed;
    unsigned grid[3], block[3];
    unsigned dynamic_size;
    unsigned order;  // an Order
};

enum Order : unsigned { forward, reverse, shuffled, preempting };

}  // namespace cuda_host
