// A frame to a network input, each pixel the weighted mean of the pixels that it covers: a thread for each pixel.
#include "reduce.cuh"
#include "pixels.cuh"

// Write rows [first, stop). Tables as in contract.Averages; most_rows, most_columns: weights for each.
extern "C" __global__ void __launch_bounds__(THREADS)
    preprocess_antialiased(const unsigned char *__restrict__ frame, long long origin, long long row_stride,
                           long long pixel_stride, long long channel_stride, const int *__restrict__ rows,
                           const short *__restrict__ row_weights, int most_rows, const int *__restrict__ row_border,
                           int row_shift, const int *__restrict__ columns, const short *__restrict__ column_weights,
                           int most_columns, const int *__restrict__ column_border, int column_shift, int extra_bits,
                           int fill, const unsigned char *__restrict__ table, int channels, int item,
                           int channels_last, int first, int stop, int height, int width,
                           unsigned char *__restrict__ out)
{
    const long long i = static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x;
    const int y = first + static_cast<int>(i / width), x = static_cast<int>(i % width);
    if (y >= stop)
        return;
    const Frame source = {frame + origin, row_stride, pixel_stride, channel_stride};
    const int base = (1 << row_shift >> 1) + row_border[y] * fill, count = rows[2 * y + 1];
    const short *weights = row_weights + static_cast<long long>(y) * most_rows;
    const int half = (1 << column_shift >> 1) + column_border[x] * (fill << extra_bits);
    int levels[3] = {half, half, half};
    for (int k = 0; k < columns[2 * x + 1]; k++) {
        const unsigned char *pixel = source.at(rows[2 * y], columns[2 * x] + k);
        int red = base, green = base, blue = base;
        for (int row = 0; row < count; row++) {
            red += pixel[0] * weights[row];
            green += pixel[channel_stride] * weights[row];
            blue += pixel[2 * channel_stride] * weights[row];
            pixel += row_stride;
        }
        const int weight = column_weights[static_cast<long long>(x) * most_columns + k];
        levels[0] += (red >> row_shift) * weight;
        levels[1] += (green >> row_shift) * weight;
        levels[2] += (blue >> row_shift) * weight;
    }
    for (int channel = 0; channel < 3; channel++)
        levels[channel] >>= column_shift;
    const Output output = {table, out, channels, item, channels_last, height, width};
    output.write(levels, y, x);
}
