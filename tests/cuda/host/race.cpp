// The race detector. Kernels built with -fsanitize=thread call __tsan_... before each load and store; the functions of
// these names are here, instead of the compiler's own library, and know of CUDA's barriers.
//
// Two accesses to a byte by different threads are a race if one of them is a plain write and nothing orders them, or if
// one is a plain write and the other an atomic. A plain read may meet an atomic: union-find reads parents so. Accesses
// are ordered by __syncthreads within a block and by __syncwarp within a warp; by nothing between blocks.
#ifdef CUDA_HOST_RACE
#include "race.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "scheduler.h"

// The library's first and last byte, from the linker.
extern "C" __attribute__((visibility("hidden"))) char __ehdr_start[], _end[];

namespace cuda_host::race {
namespace {

constexpr uintptr_t GUARD = 4096;  // around arguments, as in arguments.py
constexpr unsigned CHANCE = 16;    // of preempting schedules: of so many accesses, one changes threads

enum class Kind : uint8_t { read, write, atomic };

// An era ends with each barrier of the block and with each block; 0 means no access. A clock counts the thread's
// barriers of the warp.
struct Access {
    uint32_t era;
    uint32_t thread : 10, clock : 22;
};

// What was done to a byte. Of reads and of atomics that nothing orders, the last two are kept: by different threads,
// so that one is not of the thread that writes next.
struct Byte {
    Access write, reads[2], atomics[2];
};

struct Tracked {
    uintptr_t begin, end;
    const char *name;
    bool is_of_block;  // each block has memory of its own there
    Byte *bytes;
};

std::vector<Tracked> tracked;        // by address
std::vector<uint32_t> block_of_era;  // where era is the last index
std::vector<uint32_t> seen;          // [thread * 32 + lane]: barriers of the lane that the thread knows of

uint32_t era() { return uint32_t(block_of_era.size() - 1); }

void begin_era() { block_of_era.push_back(block_number); }

void track(const Region &region, bool is_of_block)
{
    const uintptr_t begin = uintptr_t(region.begin);
    // Zeroed pages that are never touched cost nothing.
    tracked.push_back({begin, begin + region.size, region.name, is_of_block,
                       static_cast<Byte *>(calloc(region.size + 1, sizeof(Byte)))});
}

uint32_t clock_of(unsigned thread) { return seen[thread * 32 + thread % 32]; }

bool is_ordered(const Access &before, bool is_of_block)
{
    if (before.era == 0)
        return true;
    if (before.era != era())
        return is_of_block || block_of_era[before.era] == block_number;
    const unsigned self = number_of(*current);
    if (before.thread / 32 != self / 32)
        return false;
    return before.thread == self || seen[self * 32 + before.thread % 32] > before.clock;
}

const char *done(Kind kind)
{
    return kind == Kind::read ? "reads" : kind == Kind::write ? "writes" : "changes atomically";
}

[[noreturn]] void report_race(const Tracked &memory, uintptr_t address, Kind kind, const Access &other, Kind other_kind)
{
    const uint32_t block = block_of_era[other.era];
    const uint3 thread = threads[other.thread].index;
    fail("data race: it %s %s + byte %lu, which thread (%u,%u,%u) of block (%u,%u,%u) %s with no barrier in between",
         done(kind), memory.name, address - memory.begin, thread.x, thread.y, thread.z, block % gridDim.x,
         block / gridDim.x % gridDim.y, block / (gridDim.x * gridDim.y), done(other_kind));
}

void check(const Tracked &memory, uintptr_t address, Kind kind)
{
    const Byte &byte = memory.bytes[address - memory.begin];
    if (!is_ordered(byte.write, memory.is_of_block))
        report_race(memory, address, kind, byte.write, Kind::write);
    if (kind != Kind::write)
        return;
    for (const Access &access : byte.reads)
        if (!is_ordered(access, memory.is_of_block))
            report_race(memory, address, kind, access, Kind::read);
    for (const Access &access : byte.atomics)
        if (!is_ordered(access, memory.is_of_block))
            report_race(memory, address, kind, access, Kind::atomic);
}

// Keeps the last two that nothing orders: what is ordered after a later access is so after the earlier one.
void keep(Access (&kept)[2], const Access &access, bool is_of_block)
{
    if (!is_ordered(kept[0], is_of_block))
        kept[1] = kept[0];
    kept[0] = access;
}

void record(const Tracked &memory, uintptr_t address, Kind kind)
{
    Byte &byte = memory.bytes[address - memory.begin];
    const unsigned self = number_of(*current);
    const Access access = {era(), self, clock_of(self)};
    if (kind == Kind::write)
        byte = {access, {}, {}};
    else
        keep(kind == Kind::read ? byte.reads : byte.atomics, access, memory.is_of_block);
}

// next: of those tracked, the first that begins after the address.
[[noreturn]] void report_outside(uintptr_t address, size_t size, Kind kind, std::vector<Tracked>::const_iterator next)
{
    const bool has_before = next != tracked.begin(), has_after = next != tracked.end();
    const uintptr_t past = has_before ? address - std::min(address, next[-1].end) : GUARD;
    const uintptr_t before = has_after ? next->begin - address : GUARD;
    if (past < GUARD && past <= before)
        fail("%s %zu bytes at byte %lu of %s, which has %lu", done(kind), size, address - next[-1].begin, next[-1].name,
             next[-1].end - next[-1].begin);
    if (before < GUARD)
        fail("%s %zu bytes, %lu bytes before the first byte of %s", done(kind), size, before, next->name);
    fail("%s %zu bytes outside of all arguments and shared variables", done(kind), size);
}

bool is_private(uintptr_t address, Kind kind)
{
    const uintptr_t stacks = uintptr_t(stack_of(0));
    if (address >= stacks && address < uintptr_t(stack_of(unsigned(threads.size()))))
        return true;
    // Constants of the kernel, threadIdx and its like.
    return kind == Kind::read && address >= uintptr_t(__ehdr_start) && address < uintptr_t(_end);
}

void access(const void *pointer, size_t size, Kind kind)
{
    if (!current)  // the library's own beginning
        return;
    const uintptr_t address = uintptr_t(pointer);
    const auto begins_after = [](uintptr_t wanted, const Tracked &memory) { return wanted < memory.begin; };
    const auto next = std::upper_bound(tracked.begin(), tracked.end(), address, begins_after);
    if (next == tracked.begin() || address + size > next[-1].end) {
        if (is_private(address, kind))
            return;
        report_outside(address, size, kind, next);
    }
    if (launch->order == preempting && kind != Kind::atomic && random_below(CHANCE) == 0)
        suspend();
    for (uintptr_t i = address; i < address + size; i++) {
        check(next[-1], i, kind);
        record(next[-1], i, kind);
    }
}

}  // namespace

void begin_launch()
{
    block_of_era.assign(1, 0);
    for (uint64_t i = 0; i < launch->region_count; i++)
        track(launch->regions[i], false);
    for (uint64_t i = 0; i < launch->shared_count; i++)
        track(launch->shared[i], true);
    track({static_cast<char *>(dynamic_shared()), launch->dynamic_size, "dynamic shared memory"}, true);
    const auto is_before = [](const Tracked &a, const Tracked &b) { return a.begin < b.begin; };
    std::sort(tracked.begin(), tracked.end(), is_before);
}

void end_launch()
{
    for (const Tracked &memory : tracked)
        free(memory.bytes);
    tracked.clear();
}

void begin_block()
{
    begin_era();
    seen.assign(threads.size() * 32, 0);
}

void block_barrier() { begin_era(); }

void warp_barrier(unsigned first_thread, unsigned lanes)
{
    uint32_t joined[32] = {};
    const auto each_lane = [&](auto act) {
        for (unsigned lane = 0; lane < 32; lane++)
            if (lanes >> lane & 1)
                act(lane, &seen[(first_thread + lane) * 32]);
    };
    each_lane([&](unsigned, const uint32_t *known) {
        for (unsigned i = 0; i < 32; i++)
            joined[i] = std::max(joined[i], known[i]);
    });
    each_lane([&](unsigned lane, const uint32_t *) { joined[lane]++; });
    each_lane([&](unsigned, uint32_t *known) { memcpy(known, joined, sizeof joined); });
}

void atomic(const void *address, unsigned size) { access(address, size, Kind::atomic); }

}  // namespace cuda_host::race

static void read_plainly(void *p, size_t size) { cuda_host::race::access(p, size, cuda_host::race::Kind::read); }
static void write_plainly(void *p, size_t size) { cuda_host::race::access(p, size, cuda_host::race::Kind::write); }

#define CUDA_HOST_ACCESS(size)                                              \
    void __tsan_read##size(void *p) { read_plainly(p, size); }              \
    void __tsan_write##size(void *p) { write_plainly(p, size); }            \
    void __tsan_unaligned_read##size(void *p) { read_plainly(p, size); }    \
    void __tsan_unaligned_write##size(void *p) { write_plainly(p, size); }

extern "C" {
CUDA_HOST_ACCESS(1)
CUDA_HOST_ACCESS(2)
CUDA_HOST_ACCESS(4)
CUDA_HOST_ACCESS(8)
CUDA_HOST_ACCESS(16)
void __tsan_read_range(void *p, size_t size) { read_plainly(p, size); }
void __tsan_write_range(void *p, size_t size) { write_plainly(p, size); }
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
}
#endif
