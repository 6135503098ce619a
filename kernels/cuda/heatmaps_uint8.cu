// Heatmaps in uint8.
#include "reduce.cuh"
#include "grid.cuh"
#include "upsampling.cuh"

// Heatmaps times 255, rounded half up; zeros for maps that aren't finite.
extern "C" __global__ void __launch_bounds__(THREADS)
    heatmaps_uint8(const float *__restrict__ maps, const int *__restrict__ rows, const float *__restrict__ row_weight,
                   const int *__restrict__ columns, const float *__restrict__ column_weight, int h, int w, int height,
                   int width, int first, int stop, int fours, const float *__restrict__ extrema,
                   unsigned char *__restrict__ out)
{
    extern __shared__ float lines[];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32, p = blockIdx.y;
    const float *map = maps + static_cast<long long>(p) * h * w;
    const Extrema range = {extrema[2 * p], extrema[2 * p + 1]};
    float *line = lines + warp * (w + 2);
    for (int y = first + blockIdx.x * warps + warp; y < stop; y += gridDim.x * warps) {
        unsigned char *row = out + (static_cast<long long>(p) * height + y) * width;
        stretch_row(map, grid, range, 255, y, line);  // zeros where the extrema are NaN
        if (fours) {
            for (int x = 4 * lane; x < width; x += 128) {
                Pixels pixels(grid, line, x);
                const unsigned char a = level(pixels.next()), b = level(pixels.next());
                const unsigned char c = level(pixels.next()), d = level(pixels.next());
                *reinterpret_cast<uchar4 *>(row + x) = make_uchar4(a, b, c, d);
            }
        } else {
            for (int x = lane; x < width; x += 32)
                row[x] = level(Pixels(grid, line, x).next());
        }
    }
}
