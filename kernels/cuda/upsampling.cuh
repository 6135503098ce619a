// Scaling of maps by the extrema that they have at image size, and upsampling, a warp for each row.

// extrema[p] = minimum and maximum of map p of (P, h, w), or its limits (P, 2) if `given`; NaN if it isn't finite. A
// block for each map.
extern "C" __global__ void __launch_bounds__(THREADS)
    find_extrema(const float *__restrict__ maps, const int *__restrict__ rows, const float *__restrict__ row_weight,
                 const int *__restrict__ columns, const float *__restrict__ column_weight, int h, int w, int height,
                 int width, int given, const float *limits, float *extrema)
{
    __shared__ float scratch[THREADS / 32];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const float *map = maps + static_cast<long long>(blockIdx.x) * h * w;
    bool sound = true;
    for (int i = threadIdx.x; i < h * w; i += THREADS)
        sound = sound && fabsf(map[i]) < LARGEST;
    const bool fine = __syncthreads_and(sound);
    Extrema found = {NOT_A_NUMBER, NOT_A_NUMBER};
    if (fine && given)
        found = {limits[2 * blockIdx.x], limits[2 * blockIdx.x + 1]};
    else if (fine)
        found = extrema_of(map, grid, scratch);
    if (threadIdx.x == 0) {
        extrema[2 * blockIdx.x] = found.low;
        extrema[2 * blockIdx.x + 1] = found.high;
    }
}

// Return a cell's value, scaled so that the upsampled map goes from 0 to full; 0 where the map is constant.
__device__ inline float scaled(float value, Extrema extrema, float full)
{
    if (!(extrema.high > extrema.low))
        return 0;
    // Downsampling can miss a peak, which exceeds the extrema by any factor then.
    return fminf(fmaxf((value - extrema.low) / (extrema.high - extrema.low) * full, -LARGEST), LARGEST);
}

// line[s] = pixel row y of the map at its w + 2 columns, by the threads of a warp. full: 0 for values as they are.
__device__ inline void stretch_row(const float *map, const Grid &grid, Extrema extrema, float full, int y, float *line)
{
    const int b = part_of(grid.rows, grid.h + 1, y);
    const float t = grid.row_weight[y];
    __syncwarp();  // the row before has been read
    for (int s = threadIdx.x % 32; s < grid.w + 2; s += 32) {
        float above = map[cell(grid, b, s)], below = map[cell(grid, b + 1, s)];
        if (full > 0) {
            above = scaled(above, extrema, full);
            below = scaled(below, extrema, full);
        }
        line[s] = above + t * (below - above);
    }
    __syncwarp();
}

// The pixels of a row from left to right, from x on: next() returns them.
struct Pixels {
    const Grid &grid;
    const float *line;
    int x, s;

    __device__ Pixels(const Grid &grid, const float *line, int x)
        : grid(grid), line(line), x(x), s(part_of(grid.columns, grid.w + 1, x))
    {
    }

    __device__ float next()
    {
        while (grid.columns[s + 1] <= x)
            s++;
        return line[s] + grid.column_weight[x++] * (line[s + 1] - line[s]);
    }
};

__device__ inline float clipped(float value, float low, float high)
{
    return fminf(fmaxf(value, low), high);
}

// Return a value clipped to [0, 255] and rounded half up.
__device__ inline unsigned char level(float value)
{
    return static_cast<unsigned char>(static_cast<int>(clipped(value, 0, 255) + 0.5f));
}
