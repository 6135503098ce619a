// A tile of an image for each block: the components of its pixels. TILE: its side.

// Tie two pixels together: a parent is of the same component and comes first in raster order.
__device__ inline void unite(int *parent, int a, int b)
{
    while (a != b) {
        const int low = min(a, b), high = max(a, b);
        const int before = atomicMin(&parent[high], low);
        a = low;
        b = before == high ? low : before;
    }
}

// labels (height, width): the place, in the image, of the first pixel of the 4-connected component that a pixel is in,
// as far as its tile goes; -1 where the mask is 0.
extern "C" __global__ void __launch_bounds__(TILE * TILE)
    label_tiles(const unsigned char *__restrict__ mask, int height, int width, int *__restrict__ labels)
{
    __shared__ int parent[TILE * TILE];
    const int i = threadIdx.y * TILE + threadIdx.x, left = blockIdx.x * TILE, top = blockIdx.y * TILE;
    const int x = left + threadIdx.x, y = top + threadIdx.y;
    const bool is_inside = x < width && y < height, is_set = is_inside && mask[y * width + x];
    parent[i] = is_set ? i : -1;
    __syncthreads();  // first
    if (is_set && threadIdx.x > 0 && parent[i - 1] >= 0)
        unite(parent, i, i - 1);
    if (is_set && threadIdx.y > 0 && parent[i - TILE] >= 0)
        unite(parent, i, i - TILE);
    __syncthreads();  // second
    if (!is_inside)
        return;
    int root = i;
    while (is_set && parent[root] != root)
        root = parent[root];
    labels[y * width + x] = is_set ? (top + root / TILE) * width + left + root % TILE : -1;
}
