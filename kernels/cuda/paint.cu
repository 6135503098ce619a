// Pixels from runs: a warp for each run.
#include "reduce.cuh"

// runs (count, 5): start, stop, first and last row, component; out (H, width).
extern "C" __global__ void __launch_bounds__(THREADS)
    paint(const int *__restrict__ runs, int count, const int *__restrict__ values, int width, int *__restrict__ out)
{
    const int i = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (i >= count)
        return;
    const int *run = runs + 5LL * i;
    const int value = values[run[4]];
    for (int y = run[2]; y < run[3]; y++)
        for (int x = run[0] + threadIdx.x % 32; x < run[1]; x += 32)
            out[static_cast<long long>(y) * width + x] = value;
}
