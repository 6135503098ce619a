// Weighted channel sums, whole or in parts.
#include "reduce.cuh"
#include "grid.cuh"
#include "features.cuh"

// sums[part, n, m, p] = sum over the channels of that part of weights[class_index[n, m], c] * f(n, c, p).
// A block for each part of each map: grid (parts, M, images). A class that the model doesn't have makes NaN.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
    sum_channels(const Item *__restrict__ items, float zero_point, float scale, const float *__restrict__ weights,
                 const long long *__restrict__ class_index, int classes, int channels, int positions, int images,
                 int first, int step, float *__restrict__ sums)
{
    __shared__ float partial[THREADS * VECTOR];
    const int part = blockIdx.x, m = blockIdx.y, n = first + blockIdx.z;
    const long long map = static_cast<long long>(n) * gridDim.y + m;
    const long long chosen = class_index[map];
    const bool known = chosen >= 0 && chosen < classes;
    const Features features = {items, channels, positions, zero_point, scale};
    float *out = sums + (static_cast<long long>(part) * images * gridDim.y + map) * positions;
    weighted_sum(features, items + static_cast<long long>(n) * channels * positions,
                 weights + (known ? chosen : 0) * channels, part * step, min((part + 1) * step, channels), partial, out);
    __syncthreads();
    if (!known)
        for (int p = threadIdx.x; p < positions; p += THREADS)
            out[p] = NOT_A_NUMBER;
}

// out[i] = parts[0, i] + parts[1, i] + ..., for i in [first, stop) of `size`.
extern "C" __global__ void __launch_bounds__(THREADS)
    add_parts(const float *__restrict__ parts, int count, long long size, long long first, long long stop,
              float *__restrict__ out)
{
    const long long i = first + static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= stop)
        return;
    float sum = 0;
    for (int part = 0; part < count; part++)
        sum += parts[part * size + i];
    out[i] = sum;
}
