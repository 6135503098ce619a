// Reductions over the threads of a block or a warp. THREADS: threads of a block, a multiple of 32.
#define FULL 0xffffffffu

// Combine the values of all threads; each gets the result. scratch: shared, THREADS / 32 entries.
template <class T, class Combine>
__device__ T reduce_block(T value, T *scratch, Combine combine)
{
    for (int distance = 16; distance; distance /= 2)
        value = combine(value, __shfl_xor_sync(FULL, value, distance));
    __syncthreads();  // an earlier call's scratch may still be read
    if (threadIdx.x % 32 == 0)
        scratch[threadIdx.x / 32] = value;
    __syncthreads();
    value = scratch[0];
    for (int warp = 1; warp < THREADS / 32; warp++)
        value = combine(value, scratch[warp]);
    return value;
}

// Combine the values of a warp; each lane gets the result.
template <class Combine>
__device__ int reduce_warp(int value, Combine combine)
{
    for (int distance = 16; distance; distance /= 2)
        value = combine(value, __shfl_xor_sync(FULL, value, distance));
    return value;
}
