// Barriers, and what the lanes of a warp tell each other.
#pragma once

namespace cuda_host {

template <class T>
uint64_t to_bits(T value)
{
    static_assert(sizeof(T) <= 8, "a value of at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return bits;
}

template <class T>
T from_bits(uint64_t bits)
{
    T value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The value of another lane; of this one, if there is none (-1).
template <class T>
T value_of_lane(unsigned mask, T value, int source_lane)
{
    return from_bits<T>(meet_warp(Meeting::shuffle, mask, to_bits(value), source_lane));
}

// The first lane of the group of so many lanes that this one is in.
inline int group_start(int width) { return lane() & ~(width - 1); }

}  // namespace cuda_host

inline void __syncthreads() { cuda_host::meet_block(cuda_host::Meeting::syncthreads); }
inline int __syncthreads_or(int value)
{
    return int(cuda_host::meet_block(cuda_host::Meeting::syncthreads_or, value != 0));
}
inline int __syncthreads_and(int value)
{
    return int(cuda_host::meet_block(cuda_host::Meeting::syncthreads_and, value != 0));
}
inline int __syncthreads_count(int value)
{
    return int(cuda_host::meet_block(cuda_host::Meeting::syncthreads_count, value != 0));
}

inline void __syncwarp(unsigned mask = 0xffffffffu) { cuda_host::meet_warp(cuda_host::Meeting::syncwarp, mask); }

// One CPU thread sees its own stores in order.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    return cuda_host::value_of_lane(mask, value, cuda_host::group_start(width) + (source & (width - 1)));
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32)
{
    const int source = cuda_host::lane() - int(distance);
    return cuda_host::value_of_lane(mask, value, source >= cuda_host::group_start(width) ? source : -1);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32)
{
    const int source = cuda_host::lane() + int(distance);
    return cuda_host::value_of_lane(mask, value, source < cuda_host::group_start(width) + width ? source : -1);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32)
{
    const int source = cuda_host::lane() ^ bits;  // of an earlier group or of this one, but never of a later one
    return cuda_host::value_of_lane(mask, value, source < cuda_host::group_start(width) + width ? source : -1);
}

inline unsigned __ballot_sync(unsigned mask, int value)
{
    return unsigned(cuda_host::meet_warp(cuda_host::Meeting::ballot, mask, value != 0));
}
inline int __any_sync(unsigned mask, int value) { return __ballot_sync(mask, value) != 0; }
inline int __all_sync(unsigned mask, int value) { return __ballot_sync(mask, !value) == 0; }

template <class T>
unsigned __match_any_sync(unsigned mask, T value)
{
    return unsigned(cuda_host::meet_warp(cuda_host::Meeting::match_any, mask, cuda_host::to_bits(value)));
}

// The conversion to 64 bits keeps the sign, so that one comparison serves both types.
#define CUDA_HOST_REDUCE(name, T)                                                                         \
    inline T __reduce_##name##_sync(unsigned mask, T value)                                               \
    {                                                                                                     \
        return T(cuda_host::meet_warp(cuda_host::Meeting::reduce_##name, mask, uint64_t(int64_t(value)))); \
    }
CUDA_HOST_REDUCE(add, int)
CUDA_HOST_REDUCE(add, unsigned)
CUDA_HOST_REDUCE(min, int)
CUDA_HOST_REDUCE(min, unsigned)
CUDA_HOST_REDUCE(max, int)
CUDA_HOST_REDUCE(max, unsigned)
CUDA_HOST_REDUCE(or, unsigned)
CUDA_HOST_REDUCE(and, unsigned)
#undef CUDA_HOST_REDUCE
