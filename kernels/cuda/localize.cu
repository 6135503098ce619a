// Feature maps to boxes in one launch: a block for each map, which stays in shared memory.
#include "reduce.cuh"
#include "grid.cuh"
#include "features.cuh"
#include "boxes.cuh"

// Grid (M, images). The first parameters as in sum_channels, the others as in find_boxes.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
    localize(const Item *__restrict__ items, float zero_point, float scale, const float *__restrict__ weights,
             const long long *__restrict__ class_index, int classes, int channels, int first,
             const int *__restrict__ rows, const float *__restrict__ row_weight, const int *__restrict__ columns,
             const float *__restrict__ column_weight, int h, int w, int height, int width, float threshold, int rectify,
             int minmax, int reach, int slots, int plane_is_shared, int tables_are_shared, float *planes, int *tables,
             int *xyxy, int *area, float *peak)
{
    extern __shared__ int memory[];
    __shared__ unsigned long long scratch[THREADS / 32];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const Rule rule = {threshold, rectify, minmax, reach};
    const long long n = first + static_cast<long long>(blockIdx.y), p = n * gridDim.x + blockIdx.x;
    const long long table_size = 7LL * height * slots + height, chosen = class_index[p];
    const int cells = h * w;
    const bool known = chosen >= 0 && chosen < classes;
    float *plane = plane_is_shared ? reinterpret_cast<float *>(memory) : planes + p * cells;
    int *table = memory + (plane_is_shared ? cells : 0);  // first for the partial sums
    const Features features = {items, channels, cells, zero_point, scale};
    weighted_sum(features, items + n * channels * cells,
                 weights + (known ? chosen : 0) * channels, 0, channels, reinterpret_cast<float *>(table), plane);
    __syncthreads();
    bool sound = known;
    for (int i = threadIdx.x; i < cells; i += THREADS) {
        const float value = plane[i];
        sound = sound && fabsf(value) < LARGEST;
        plane[i] = rectify ? fmaxf(value, 0.0f) : value;
    }
    if (!tables_are_shared)
        table = tables + p * table_size;
    find_box(plane, sound, grid, rule, tables_at(table, height, slots), scratch, xyxy + 4 * p, area + p, peak + p);
}
