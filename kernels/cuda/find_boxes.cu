// The box of the largest connected component of each map above a threshold: a block for each map.
#include "reduce.cuh"
#include "grid.cuh"
#include "boxes.cuh"

// maps (parts, P, h, w), whose parts are added up. planes, tables: of each map, if they don't fit into shared memory.
extern "C" __global__ void __launch_bounds__(THREADS)
    find_boxes(const float *__restrict__ maps, int parts, long long count, int first, const int *__restrict__ rows,
               const float *__restrict__ row_weight, const int *__restrict__ columns,
               const float *__restrict__ column_weight, int h, int w, int height, int width, float threshold,
               int rectify, int minmax, int reach, int slots, int plane_is_shared, int tables_are_shared, float *planes,
               int *tables, int *xyxy, int *area, float *peak)
{
    extern __shared__ int memory[];
    __shared__ unsigned long long scratch[THREADS / 32];
    const Grid grid = {rows, row_weight, columns, column_weight, h, w, height, width};
    const Rule rule = {threshold, rectify, minmax, reach};
    const long long p = first + static_cast<long long>(blockIdx.x);
    const int cells = h * w;
    const long long table_size = 7LL * height * slots + height;
    float *plane = plane_is_shared ? reinterpret_cast<float *>(memory) : planes + p * cells;
    int *table = tables_are_shared ? memory + (plane_is_shared ? cells : 0) : tables + p * table_size;
    bool sound = true;
    for (int i = threadIdx.x; i < cells; i += THREADS) {
        float value = 0;
        for (int part = 0; part < parts; part++)
            value += maps[(part * count + p) * cells + i];
        sound = sound && fabsf(value) < LARGEST;
        plane[i] = rectify ? fmaxf(value, 0.0f) : value;
    }
    find_box(plane, sound, grid, rule, tables_at(table, height, slots), scratch, xyxy + 4 * p, area + p, peak + p);
}
