// Kernels that are wrong, each in one way. NVRTC finds nothing.
#define FULL 0xffffffffu

extern "C" __global__ void early_return(int *out)
{
    if (threadIdx.x == 3)
        return;
    __syncthreads();
    out[threadIdx.x] = 1;
}

extern "C" __global__ void lane_exits(int *out)
{
    if (threadIdx.x == 5)
        return;
    out[threadIdx.x] = __shfl_sync(FULL, out[threadIdx.x], 0);
}

extern "C" __global__ void not_in_its_mask(int *out)
{
    out[threadIdx.x] = __any_sync(0x0000ffffu, 1);
}

extern "C" __global__ void different_masks(int *out)
{
    out[threadIdx.x] = __ballot_sync(threadIdx.x < 31 ? FULL : 0x80000000u | 1u, 1);
}

extern "C" __global__ void different_collectives(int *out)
{
    out[threadIdx.x] = threadIdx.x < 16 ? __any_sync(FULL, 1) : __shfl_sync(FULL, 1, 0);
}

extern "C" __global__ void different_barriers(int *out)
{
    if (threadIdx.x < 16)
        __syncthreads();
    else
        out[threadIdx.x] = __syncthreads_or(1);
}

extern "C" __global__ void deadlock(int *out)
{
    if (threadIdx.x == 0)
        __syncthreads();
    else
        __syncwarp();
    out[threadIdx.x] = 1;
}

extern "C" __global__ void waits_for_a_block(int *flag)
{
    while (blockIdx.x == 0 && atomicAdd(flag, 0) == 0) {
    }
    atomicExch(flag, 1);
}

extern "C" __global__ void runs_in_circles(int *parent)
{
    int i = threadIdx.x;
    while (parent[i] != i)
        i = parent[i];
    parent[threadIdx.x] = i;
}

extern "C" __global__ void write_at(int *out, int place) { out[place] = 1; }

extern "C" __global__ void read_at(const int *values, int place, int *out) { *out = values[place]; }

extern "C" __global__ void write_to_constant(const int *values) { *const_cast<int *>(values) = 1; }

extern "C" __global__ void index_shared(int *out, int place)
{
    __shared__ int cells[8];
    cells[place] = 1;
    *out = cells[0];
}

extern "C" __global__ void write_dynamic(int *out, int place)
{
    extern __shared__ int memory[];
    memory[place] = 1;
    *out = memory[0];
}

extern "C" __global__ void load_misaligned(const float *values, int place, float *out)
{
    *out = reinterpret_cast<const float4 *>(values + place)->x;
}

extern "C" __global__ void divide(int *out, int divisor) { *out = 1 / divisor; }

extern "C" __global__ void shift(int *out, int distance) { *out = 1 << distance; }

extern "C" __global__ void convert(int *out, float value) { *out = static_cast<int>(value); }

// Races.

extern "C" __global__ void add_plainly(int *total) { *total += 1; }

extern "C" __global__ void blocks_write(int *cell)
{
    if (threadIdx.x == 0)
        *cell = 1;
}

extern "C" __global__ void write_against_atomic(int *cell)
{
    if (threadIdx.x == 0)
        *cell = 1;
    else
        atomicAdd(cell, 1);
}

// Block: 64. The thread that writes has read itself, and in some orders is the last to do so.
extern "C" __global__ void read_then_write(const int *values, int *out)
{
    __shared__ int first;
    if (threadIdx.x == 0)
        first = values[0];
    __syncthreads();
    if (threadIdx.x > 32)
        return;
    out[threadIdx.x] = first;
    if (threadIdx.x == 32)
        first = 0;
}

// A ballot lets lanes wait for each other, but orders no memory.
extern "C" __global__ void ballot_is_no_barrier(int *out)
{
    __shared__ int cells[32];
    cells[threadIdx.x] = threadIdx.x;
    __ballot_sync(FULL, 1);
    out[threadIdx.x] = cells[31 - threadIdx.x];
}

extern "C" __global__ void halves_are_not_ordered(int *out)
{
    __shared__ int cells[32];
    cells[threadIdx.x] = threadIdx.x;
    __syncwarp(threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u);
    out[threadIdx.x] = cells[31 - threadIdx.x];
}

extern "C" __global__ void bytes_of_a_word(unsigned *word)
{
    if (threadIdx.x == 0)
        *word = 0;
    else
        reinterpret_cast<unsigned char *>(word)[threadIdx.x] = 1;
}
