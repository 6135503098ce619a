// Runs the threads of a block as fibers on one CPU thread: each runs until it has to wait for others. Blocks run one
// after another. The schedule says in which order.
#include "scheduler.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "race.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

// Push the registers that a called function must keep, change stacks, pop those of the other fiber.
#if defined(__x86_64__)
asm(R"(
.text
.globl cuda_host_switch
.hidden cuda_host_switch
.type cuda_host_switch, @function
cuda_host_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size cuda_host_switch, .-cuda_host_switch
)");
#else
#error "the change of stacks is written for x86-64 only"
#endif
extern "C" void cuda_host_switch(void **save_stack_pointer, void *new_stack_pointer);

namespace cuda_host {

const Launch *launch;
std::vector<Thread> threads;
Thread *current;
unsigned block_number;
unsigned at_block_barrier;
unsigned long progress;

namespace {

constexpr unsigned MAX_THREADS = 1024;
constexpr unsigned MAX_DYNAMIC = 227 * 1024;
constexpr unsigned DYNAMIC_GUARD = 4096;
constexpr unsigned char GARBAGE = 0xCD;           // what shared memory holds before a block
constexpr unsigned PATIENCE = 1000;               // atomics of a thread, after which it has to let others run
constexpr unsigned long LIVELOCK = 20 * 1000000;  // atomics of all threads, with no progress in between

void *scheduler_stack_pointer;
unsigned atomics_of_turn;
unsigned long atomics_in_vain, last_progress;
char error[1024];
uint64_t random_state;
alignas(1024) unsigned char dynamic_memory[MAX_DYNAMIC + DYNAMIC_GUARD];

std::vector<unsigned> make_order(unsigned count)
{
    std::vector<unsigned> order(count);
    for (unsigned i = 0; i < count; i++)
        order[i] = launch->order == reverse ? count - 1 - i : i;
    return order;
}

void shuffle_if_wanted(std::vector<unsigned> &order)
{
    if (launch->order != shuffled && launch->order != preempting)
        return;
    for (unsigned i = unsigned(order.size()); i > 1; i--)
        std::swap(order[i - 1], order[random_below(i)]);
}

// Where a fiber begins. It never returns, as there is no caller on its stack.
void fiber()
{
    launch->kernel(launch->arguments);
    current->state = State::done;
    progress++;
    suspend();
    abort();
}

void prepare(Thread &thread)
{
    const unsigned number = number_of(thread);
    thread.index = {number % blockDim.x, number / blockDim.x % blockDim.y, number / (blockDim.x * blockDim.y)};
    thread.state = State::ready;
    void **top = reinterpret_cast<void **>(stack_of(number) + STACK);
    *--top = nullptr;  // stands for the address to return to, so that the stack is aligned as after a call
    *--top = reinterpret_cast<void *>(fiber);
    for (int kept_register = 0; kept_register < 6; kept_register++)
        *--top = nullptr;
    thread.stack_pointer = top;
}

void run(Thread &thread)
{
    current = &thread;
    threadIdx = thread.index;
    atomics_of_turn = 0;
    cuda_host_switch(&scheduler_stack_pointer, thread.stack_pointer);
    current = nullptr;
}

void fill_shared_memory()
{
    for (uint64_t i = 0; i < launch->shared_count; i++)
        memset(launch->shared[i].begin, GARBAGE, launch->shared[i].size);
    memset(dynamic_memory, GARBAGE, launch->dynamic_size + DYNAMIC_GUARD);
}

void check_dynamic_guard()
{
    const unsigned char *const guard = dynamic_memory + launch->dynamic_size;
    for (unsigned i = 0; i < DYNAMIC_GUARD; i++)
        if (guard[i] != GARBAGE) {
            report(nullptr, "write to dynamic shared memory at byte %u, of which it has %u", launch->dynamic_size + i,
                   launch->dynamic_size);
            return;
        }
}

void run_block(unsigned number)
{
    block_number = number;
    blockIdx = {number % gridDim.x, number / gridDim.x % gridDim.y, number / (gridDim.x * gridDim.y)};
    at_block_barrier = 0;
    fill_shared_memory();
    for (Thread &thread : threads)
        prepare(thread);
    race::begin_block();
    std::vector<unsigned> order = make_order(unsigned(threads.size()));
    for (;;) {
        shuffle_if_wanted(order);
        bool ran = false;
        for (const unsigned i : order) {
            if (threads[i].state != State::ready)
                continue;
            run(threads[i]);
            if (error[0])
                return;
            ran = true;
        }
        if (ran)
            continue;
        const auto is_done = [](const Thread &thread) { return thread.state == State::done; };
        if (!std::all_of(threads.begin(), threads.end(), is_done))
            report_stuck();
        return check_dynamic_guard();
    }
}

void run_grid()
{
    std::vector<unsigned> order = make_order(gridDim.x * gridDim.y * gridDim.z);
    shuffle_if_wanted(order);
    for (const unsigned number : order) {
        run_block(number);
        if (error[0])
            return;
    }
}

}  // namespace

char *stack_of(unsigned thread_number)
{
    // Pages that no thread touches cost nothing, but for huge ones. Kept for the life of the process.
    static char *const stacks = [] {
        void *const memory = mmap(nullptr, MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            abort();
        madvise(memory, MAX_THREADS * STACK, MADV_NOHUGEPAGE);
        return static_cast<char *>(memory);
    }();
    return stacks + thread_number * STACK;
}

void suspend() { cuda_host_switch(&current->stack_pointer, scheduler_stack_pointer); }

unsigned random_below(unsigned bound)  // xorshift64*
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return unsigned((random_state * 0x2545F4914F6CDD1Dull >> 32) % bound);
}

bool preempts() { return launch->order == preempting && random_below(4) == 0; }

void *dynamic_shared() { return dynamic_memory; }

int lane() { return int(number_of(*current) % 32); }

void before_atomic(const void *address, unsigned size)
{
    race::atomic(address, size);
    if (progress != last_progress)
        atomics_in_vain = 0;
    last_progress = progress;
    if (++atomics_in_vain > LIVELOCK)
        fail("livelock: atomics without end; blocks run one after another, so none may wait for another");
    if (++atomics_of_turn > PATIENCE || preempts())
        suspend();
}

void report(const Thread *thread, const char *format, ...)
{
    if (error[0])
        return;
    int used = snprintf(error, sizeof error, "block (%u,%u,%u)", blockIdx.x, blockIdx.y, blockIdx.z);
    if (thread) {
        const uint3 index = thread->index;
        used += snprintf(error + used, sizeof error - used, ", thread (%u,%u,%u)", index.x, index.y, index.z);
    }
    used += snprintf(error + used, sizeof error - used, ": ");
    va_list values;
    va_start(values, format);
    vsnprintf(error + used, sizeof error - used, format, values);
    va_end(values);
}

void fail(const char *format, ...)
{
    char text[800];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    report(current, "%s", text);
    suspend();
    abort();  // a launch that failed resumes no thread
}

}  // namespace cuda_host

extern "C" __attribute__((visibility("default"))) const char *cuda_host_launch(const cuda_host::Launch *wanted)
{
    using namespace cuda_host;
    launch = wanted;
    gridDim = {wanted->grid[0], wanted->grid[1], wanted->grid[2]};
    blockDim = {wanted->block[0], wanted->block[1], wanted->block[2]};
    threads.assign(size_t(blockDim.x) * blockDim.y * blockDim.z, Thread());
    error[0] = 0;
    random_state = (wanted->seed + 1) * 0x9E3779B97F4A7C15ull;
    progress = last_progress = atomics_in_vain = 0;
    race::begin_launch();
    start_watchdog();
    run_grid();
    stop_watchdog();
    race::end_launch();
    return error[0] ? error : nullptr;
}
