// sums[b] = the sum of the values that the threads of block b see. Dynamic shared memory: a float for each warp.
extern "C" __global__ void sum_blocks(const float *values, int count, float *sums)
{
    extern __shared__ float parts[];
    const int i = blockIdx.x * blockDim.x + threadIdx.x, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    float sum = i < count ? values[i] : 0.0f;
    for (int distance = 16; distance; distance /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, distance);
    if (threadIdx.x % 32 == 0)
        parts[warp] = sum;
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    for (int other = 1; other < warps; other++)
        sum += parts[other];
    sums[blockIdx.x] = sum;
}

// The same into one number, by all blocks.
extern "C" __global__ void sum_all(const int *values, int count, int *total)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        atomicAdd(total, values[i]);
}

// Values go to the lane three below, by memory: ordered by __syncwarp.
extern "C" __global__ void rotate(const int *values, int *rotated)
{
    __shared__ int cells[64];
    int value = values[threadIdx.x];
    for (int step = 0; step < 3; step++) {
        cells[threadIdx.x] = value;
        __syncwarp();
        value = cells[threadIdx.x / 32 * 32 + (threadIdx.x + 1) % 32];
        __syncwarp();
    }
    rotated[threadIdx.x] = value;
}

// Each half of a warp by itself.
extern "C" __global__ void rotate_halves(const int *values, int *rotated)
{
    __shared__ int cells[32];
    const unsigned half = threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u;
    cells[threadIdx.x] = values[threadIdx.x];
    __syncwarp(half);
    rotated[threadIdx.x] = cells[threadIdx.x / 16 * 16 + (threadIdx.x + 1) % 16];
}
