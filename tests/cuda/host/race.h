// The race detector's part in a launch; nothing, unless built with -DCUDA_HOST_RACE.
#pragma once

namespace cuda_host::race {

#ifdef CUDA_HOST_RACE
void begin_launch();
void end_launch();
void begin_block();
void block_barrier();
void warp_barrier(unsigned first_thread, unsigned lanes);
void atomic(const void *address, unsigned size);
#else
inline void begin_launch() {}
inline void end_launch() {}
inline void begin_block() {}
inline void block_barrier() {}
inline void warp_barrier(unsigned, unsigned) {}
inline void atomic(const void *, unsigned) {}
#endif

}  // namespace cuda_host::race
