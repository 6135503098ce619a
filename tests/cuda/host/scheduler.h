// What the parts of the executor know of the block that runs: its threads, and which of them has the CPU.
#pragma once
#include <vector>

#include "runtime.h"

namespace cuda_host {

enum class State : uint8_t { ready, at_block, at_warp, done };

struct Thread {
    void *stack_pointer;
    uint3 index;
    State state;
    Meeting meeting;
    unsigned mask;    // lanes that meet, for a meeting of a warp
    int source_lane;  // whose value it takes, for a shuffle
    uint64_t value;   // what it brings
    uint64_t result;  // what it takes
};

extern const Launch *launch;
extern std::vector<Thread> threads;  // of the block
extern Thread *current;              // null while no kernel code runs
extern unsigned block_number;        // in the grid, x fastest
extern unsigned at_block_barrier;    // threads that wait there
extern unsigned long progress;       // counts what brings a block nearer to its end

void suspend();     // let others run, until this thread is ready and has its turn
bool preempts();     // whether the schedule wants another thread to run here
unsigned random_below(unsigned bound);
void report(const Thread *thread, const char *format, ...)  // the first one stays
    __attribute__((format(printf, 2, 3)));
void start_watchdog();
void stop_watchdog();
void report_stuck();  // why no thread is ready: in meetings.cpp, which knows what they wait for
char *stack_of(unsigned thread_number);

constexpr size_t STACK = 128 * 1024;  // build.py refuses frames of more than half of it

inline unsigned number_of(const Thread &thread) { return unsigned(&thread - threads.data()); }

}  // namespace cuda_host
