// Heatmaps in float32.
#include "reduce.cuh"
#include "grid.cuh"
#include "upsampling.cuh"

// out[p, y] for rows [first, stop): grid (blocks of rows, P), a warp for each row. Shared: w + 2 floats for each warp.
extern "C" __global__ void __launch_bounds__(THREADS)
    heatmaps(const float *__restrict__ maps, const int *__restrict__ rows, const float *__restrict__ row_weight,
             const int *__restrict__ columns, const float *__restrict__ column_weight, int h, int w, int height,
             int width, int normalise, int first, int stop, int fours, const float *__restrict__ extrema,
             float *__restrict__ out)
{
    extern __shared__ float lines[];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32, p = blockIdx.y;
    const float *map = maps + static_cast<long long>(p) * h * w;
    const Extrema range = {extrema[2 * p], extrema[2 * p + 1]};
    const bool sound = range.low == range.low;
    const float low = normalise ? 0 : -ABOVE_ALL, high = normalise ? 1 : ABOVE_ALL;
    float *line = lines + warp * (w + 2);
    for (int y = first + blockIdx.x * warps + warp; y < stop; y += gridDim.x * warps) {
        float *row = out + (static_cast<long long>(p) * height + y) * width;
        stretch_row(map, grid, range, normalise ? 1 : 0, y, line);
        if (!sound) {
            for (int x = lane; x < width; x += 32)
                row[x] = NOT_A_NUMBER;
        } else if (fours) {
            for (int x = 4 * lane; x < width; x += 128) {
                Pixels pixels(grid, line, x);
                const float a = clipped(pixels.next(), low, high), b = clipped(pixels.next(), low, high);
                const float c = clipped(pixels.next(), low, high), d = clipped(pixels.next(), low, high);
                *reinterpret_cast<float4 *>(row + x) = make_float4(a, b, c, d);
            }
        } else {
            for (int x = lane; x < width; x += 32)
                row[x] = clipped(Pixels(grid, line, x).next(), low, high);
        }
    }
}
