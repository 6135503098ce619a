// Barriers and the collectives of a warp: the last thread to come lets all of them go on.
#include <algorithm>

#include "race.h"
#include "scheduler.h"

namespace cuda_host {
namespace {

const char *name(Meeting meeting)
{
    static const char *const names[] = {
        "__syncthreads",     "__syncthreads_or",  "__syncthreads_and", "__syncthreads_count", "__syncwarp",
        "__shfl_sync",       "__ballot_sync",     "__match_any_sync",  "__reduce_add_sync",   "__reduce_min_sync",
        "__reduce_max_sync", "__reduce_or_sync",  "__reduce_and_sync",
    };
    return names[int(meeting)];
}

bool has(unsigned mask, unsigned lane_number) { return mask >> lane_number & 1; }

Thread *warp_of(Thread &thread) { return &threads[number_of(thread) & ~31u]; }

// The lanes that a warp has: the last one of a block may have fewer than 32.
unsigned lanes_of(const Thread *warp)
{
    const unsigned count = std::min<unsigned>(32, unsigned(threads.size()) - number_of(*warp));
    return count == 32 ? ~0u : (1u << count) - 1;
}

uint64_t reduced(Meeting meeting, uint64_t a, uint64_t b)
{
    const int64_t left = int64_t(a), right = int64_t(b);  // 32 bits each, widened with the sign that they have
    switch (meeting) {
        case Meeting::reduce_add: return a + b;
        case Meeting::reduce_min: return uint64_t(std::min(left, right));
        case Meeting::reduce_max: return uint64_t(std::max(left, right));
        case Meeting::reduce_or: return a | b;
        default: return a & b;
    }
}

uint64_t shuffled_value(const Thread &taker, const Thread *warp, unsigned lanes)
{
    if (taker.source_lane < 0)
        return taker.value;
    // CUDA leaves undefined what a lane gives that doesn't take part; garbage shows where it matters.
    return has(lanes, unsigned(taker.source_lane)) ? warp[taker.source_lane].value : 0xCDCDCDCDCDCDCDCDull;
}

// What a lane takes from a meeting of these lanes.
uint64_t result_for(const Thread &taker, const Thread *warp, unsigned lanes)
{
    if (taker.meeting == Meeting::shuffle)
        return shuffled_value(taker, warp, lanes);
    uint64_t bits = 0, total = taker.value;
    for (unsigned i = 0; i < 32; i++) {
        if (!has(lanes, i))
            continue;
        const uint64_t value = warp[i].value;
        const bool counts = taker.meeting == Meeting::match_any ? value == taker.value : value != 0;
        bits |= uint64_t(counts) << i;
        if (&warp[i] != &taker)
            total = reduced(taker.meeting, total, value);
    }
    const bool wants_bits = taker.meeting == Meeting::ballot || taker.meeting == Meeting::match_any;
    return wants_bits ? bits : total;
}

void check_same_meeting(const Thread &self, const Thread *warp, unsigned lanes)
{
    for (unsigned i = 0; i < 32; i++)
        if (has(lanes, i) && (warp[i].meeting != self.meeting || warp[i].mask != self.mask))
            fail("%s with mask %08x, but lane %u is in %s with mask %08x", name(self.meeting), self.mask, i,
                 name(warp[i].meeting), warp[i].mask);
}

void complete_warp(Thread &self, Thread *warp, unsigned lanes)
{
    check_same_meeting(self, warp, lanes);
    // Of the collectives, only this one orders accesses to memory.
    if (self.meeting == Meeting::syncwarp)
        race::warp_barrier(number_of(*warp), lanes);
    for (unsigned i = 0; i < 32; i++) {
        if (!has(lanes, i))
            continue;
        if (self.meeting != Meeting::syncwarp)
            warp[i].result = result_for(warp[i], warp, lanes);
        warp[i].state = State::ready;
    }
    progress++;
}

bool all_wait(const Thread *warp, unsigned lanes)
{
    for (unsigned i = 0; i < 32; i++)
        if (has(lanes, i) && warp[i].state != State::at_warp)
            return false;
    return true;
}

void complete_block(const Thread &self)
{
    uint64_t count = 0;
    for (const Thread &thread : threads) {
        if (thread.meeting != self.meeting)
            fail("%s, but another thread is in %s", name(self.meeting), name(thread.meeting));
        count += thread.value;
    }
    const uint64_t any = count > 0, all = count == threads.size();
    for (Thread &thread : threads) {
        thread.state = State::ready;
        thread.result = thread.meeting == Meeting::syncthreads_count ? count
                        : thread.meeting == Meeting::syncthreads_or  ? any
                                                                     : all;
    }
    at_block_barrier = 0;
    progress++;
    race::block_barrier();
}

unsigned count_in(State state)
{
    return unsigned(std::count_if(threads.begin(), threads.end(), [=](const Thread &t) { return t.state == state; }));
}

const Thread &first_in(State state)
{
    return *std::find_if(threads.begin(), threads.end(), [=](const Thread &t) { return t.state == state; });
}

}  // namespace

uint64_t meet_block(Meeting meeting, bool value)
{
    Thread &self = *current;
    self.meeting = meeting;
    self.value = value;
    self.state = State::at_block;
    if (++at_block_barrier == threads.size())
        complete_block(self);
    if (self.state == State::at_block || preempts())
        suspend();
    return self.result;
}

uint64_t meet_warp(Meeting meeting, unsigned mask, uint64_t value, int source_lane)
{
    Thread &self = *current;
    Thread *const warp = warp_of(self);
    if (!has(mask, unsigned(lane())))
        fail("%s with mask %08x, in which this lane, %d, is missing", name(meeting), mask, lane());
    self.meeting = meeting;
    self.mask = mask;
    self.value = value;
    self.source_lane = source_lane;
    self.state = State::at_warp;
    const unsigned lanes = mask & lanes_of(warp);
    if (all_wait(warp, lanes))
        complete_warp(self, warp, lanes);
    if (self.state == State::at_warp || preempts())
        suspend();
    return self.result;
}

void report_stuck()
{
    const unsigned done = count_in(State::done);
    for (Thread &thread : threads) {
        if (thread.state != State::at_warp)
            continue;
        const Thread *const warp = warp_of(thread);
        for (unsigned i = 0; i < 32; i++)
            if (has(thread.mask & lanes_of(warp), i) && warp[i].state == State::done)
                return report(&thread, "%s with mask %08x, but lane %u has exited", name(thread.meeting), thread.mask,
                              i);
    }
    if (at_block_barrier + done == threads.size())
        return report(&first_in(State::at_block), "%s not reached by all threads of the block: %u of %zu have exited",
                      name(first_in(State::at_block).meeting), done, threads.size());
    const Thread &waiting = first_in(State::at_warp);
    report(&waiting,
           "deadlock: waits at %s with mask %08x; of %zu threads %u wait at a barrier of the block, %u have exited",
           name(waiting.meeting), waiting.mask, threads.size(), at_block_barrier, done);
}

}  // namespace cuda_host
