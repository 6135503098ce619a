// A heatmap in colours over a frame.
#include "reduce.cuh"
#include "grid.cuh"
#include "upsampling.cuh"

// frame = (frame * (256 - opacity) + colour * opacity + 128) >> 8 in a window that begins at (left, top), rows [first,
// stop) of it, a warp for each row. frame (H, stride) bytes. A map that isn't finite is not drawn.
extern "C" __global__ void __launch_bounds__(THREADS)
    overlay(const float *__restrict__ map, const int *__restrict__ rows, const float *__restrict__ row_weight,
            const int *__restrict__ columns, const float *__restrict__ column_weight, int h, int w, int height,
            int width, const unsigned long long *__restrict__ colours, int opacity, int left, int top, int first,
            int stop, long long stride, const float *__restrict__ extrema, unsigned char *__restrict__ frame)
{
    extern __shared__ float lines[];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    const Extrema range = {extrema[0], extrema[1]};
    if (!(range.low == range.low))
        return;
    float *line = lines + warp * (w + 2);
    for (int y = first + blockIdx.x * warps + warp; y < stop; y += gridDim.x * warps) {
        unsigned char *row = frame + (top + y) * stride + 3LL * left;
        stretch_row(map, grid, range, 255, y, line);
        for (int x = lane; x < width; x += 32) {
            const unsigned long long colour = colours[level(Pixels(grid, line, x).next())];
            for (int channel = 0; channel < 3; channel++) {
                const int tint = static_cast<int>(colour >> (8 * channel)) & 0xff;
                unsigned char *byte = row + 3 * x + channel;
                *byte = static_cast<unsigned char>((*byte * (256 - opacity) + tint * opacity + 128) >> 8);
            }
        }
    }
}
