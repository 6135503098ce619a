// The pixels of an image and their places in a map: the rules that decide a pixel, as in kernels/cpu/extrema.py and
// runs.py. Compiled without fused multiply-add, so that both agree to the bit.
#define LARGEST 8.507059173023462e37f  // 2**126: beyond it, the difference of two values could overflow
#define ABOVE_ALL __int_as_float(0x7f800000)
#define NOT_A_NUMBER __int_as_float(0x7fc00000)

// contract.Grid, and its sizes.
struct Grid {
    const int *rows;             // (h + 2)
    const float *row_weight;     // (height)
    const int *columns;          // (w + 2)
    const float *column_weight;  // (width)
    int h, w, height, width;
};

// Return the band or segment of a pixel: the last of `parts` that begins at or before it.
__device__ inline int part_of(const int *starts, int parts, int pixel)
{
    int low = 0, high = parts;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (starts[middle] <= pixel)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// Return the index of a cell; row and column are counted from one before the map's edge.
__device__ inline int cell(const Grid &grid, int row, int column)
{
    return min(max(row - 1, 0), grid.h - 1) * grid.w + min(max(column - 1, 0), grid.w - 1);
}

// Return the map in column s, t of the way from row b to the next, both counted from one before its edge.
__device__ inline float between_rows(const float *map, const Grid &grid, int b, float t, int s)
{
    const float above = map[cell(grid, b, s)];
    return above + t * (map[cell(grid, b + 1, s)] - above);
}

struct Extrema {
    float low, high;
};

// Return minimum and maximum of all pixels, by all threads of a block. Within a segment, a row is monotone, also after
// rounding. scratch: shared, THREADS / 32 entries.
__device__ inline Extrema extrema_of(const float *map, const Grid &grid, float *scratch)
{
    float low = ABOVE_ALL, high = -ABOVE_ALL;
    for (int y = threadIdx.x; y < grid.height; y += THREADS) {
        const int b = part_of(grid.rows, grid.h + 1, y);
        const float t = grid.row_weight[y];
        float right = between_rows(map, grid, b, t, 0);
        for (int s = 0; s <= grid.w; s++) {
            const float left = right;
            right = between_rows(map, grid, b, t, s + 1);
            const int start = grid.columns[s], stop = grid.columns[s + 1];
            if (start == stop)
                continue;
            const float slope = right - left;
            const float first = left + grid.column_weight[start] * slope;
            const float last = left + grid.column_weight[stop - 1] * slope;
            low = fminf(low, fminf(first, last));
            high = fmaxf(high, fmaxf(first, last));
        }
    }
    low = reduce_block(low, scratch, [](float a, float b) { return fminf(a, b); });
    high = reduce_block(high, scratch, [](float a, float b) { return fmaxf(a, b); });
    return {low, high};
}
