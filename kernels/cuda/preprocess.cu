// A frame to a network input by bilinear interpolation between four pixels: a thread for each pixel.
#include "reduce.cuh"
#include "pixels.cuh"

// Write rows [first, stop). Tables as in contract.Linear; shifts are those of OpenCV.
extern "C" __global__ void __launch_bounds__(THREADS)
    preprocess(const unsigned char *__restrict__ frame, long long origin, long long row_stride, long long pixel_stride,
               long long channel_stride, const int *__restrict__ rows, const short *__restrict__ row_weights,
               const int *__restrict__ columns, const short *__restrict__ column_weights,
               const int *__restrict__ column_border, int fill, const unsigned char *__restrict__ table, int channels,
               int item, int channels_last, int first, int stop, int height, int width,
               unsigned char *__restrict__ out)
{
    const long long i = static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x;
    const int y = first + static_cast<int>(i / width), x = static_cast<int>(i % width);
    if (y >= stop)
        return;
    const Frame source = {frame + origin, row_stride, pixel_stride, channel_stride};
    const int left_weight = column_weights[x], right_weight = column_weights[width + x];
    const int border = column_border[x] * fill;
    int levels[3] = {2, 2, 2};
    for (int side = 0; side < 2; side++) {
        const int row = rows[2 * y + side], weight = row_weights[2 * y + side];
        const unsigned char *left = source.at(row < 0 ? 0 : row, columns[x]);
        const unsigned char *right = left + (right_weight ? pixel_stride : 0);
        for (int channel = 0; channel < 3; channel++) {
            const int a = row < 0 ? fill : left[channel * channel_stride];
            const int b = row < 0 ? fill : right[channel * channel_stride];
            levels[channel] += ((a * left_weight + b * right_weight + border) >> 4) * weight >> 16;
        }
    }
    for (int channel = 0; channel < 3; channel++)
        levels[channel] >>= 2;
    const Output output = {table, out, channels, item, channels_last, height, width};
    output.write(levels, y, x);
}
