// The box of the largest connected component of a map above a threshold, by all threads of a block and without pixels:
// rows of pixels become runs, runs become trees, and their roots collect area and extent.

struct Rule {
    float threshold;
    int rectify, minmax, reach;  // reach: 1 if runs that touch at a corner belong together, else 0
};

// Runs of all rows, in `slots` slots a row, of which `count` are in use. What belongs to a component is valid at its
// root: its first run in raster order.
struct Tables {
    int slots;
    int *start, *stop, *parent, *area, *left, *right, *bottom;  // (height * slots) each
    int *count;                                                 // (height)
};

__device__ inline Tables tables_at(int *memory, int height, int slots)
{
    const int runs = height * slots;
    return {slots,
            memory,
            memory + runs,
            memory + 2 * runs,
            memory + 3 * runs,
            memory + 4 * runs,
            memory + 5 * runs,
            memory + 6 * runs,
            memory + 7 * runs};
}

// Return the number that exactly the pixels of the mask are greater than, from a map's extrema.
__device__ inline float cut_of(Extrema extrema, const Rule &rule)
{
    const float low = extrema.low, high = extrema.high;
    if (!rule.minmax)
        return high > 0 ? rule.threshold * high : ABOVE_ALL;
    const float spread = high - low;
    if (!(spread > 0) || !(spread / spread > rule.threshold))
        return ABOVE_ALL;
    // (v - low) / spread > threshold grows with v, also after rounding: the last float where it is false.
    float outside = low, inside = high;
    for (;;) {
        const float middle = static_cast<float>((static_cast<double>(outside) + static_cast<double>(inside)) / 2);
        if (middle == outside || middle == inside)
            return outside;
        if ((middle - low) / spread > rule.threshold)
            inside = middle;
        else
            outside = middle;
    }
}

// Return the first pixel in (first, last] of a segment whose side of the cut is that of `last`, and not that of `first`.
__device__ inline int crossing(float left, float slope, const float *weight, int first, int last, float cut, bool leaves)
{
    while (last - first > 1) {
        const int middle = (first + last) / 2;
        if ((left + weight[middle] * slope > cut) == leaves)
            last = middle;
        else
            first = middle;
    }
    return last;
}

// Find the runs of pixel row y.
__device__ inline void find_runs(const float *map, const Grid &grid, float cut, int y, const Tables &tables)
{
    const int b = part_of(grid.rows, grid.h + 1, y);
    const float t = grid.row_weight[y];
    int *starts = tables.start + y * tables.slots, *stops = tables.stop + y * tables.slots;
    int count = 0, start = -1;
    float right = between_rows(map, grid, b, t, 0);
    for (int s = 0; s <= grid.w; s++) {
        const float left = right;
        right = between_rows(map, grid, b, t, s + 1);
        const int first = grid.columns[s], last = grid.columns[s + 1] - 1;
        if (first > last)
            continue;
        const float slope = right - left;
        const bool enters = left + grid.column_weight[first] * slope > cut;
        const bool leaves = left + grid.column_weight[last] * slope > cut;
        int stop = start >= 0 && !enters ? first : -1;
        if (enters && start < 0)
            start = first;
        const int turn = enters == leaves ? 0 : crossing(left, slope, grid.column_weight, first, last, cut, leaves);
        if (enters && !leaves)
            stop = turn;
        if (stop >= 0) {
            starts[count] = start;
            stops[count++] = stop;
            start = -1;
        }
        if (leaves && !enters)
            start = turn;
    }
    if (start >= 0) {
        starts[count] = start;
        stops[count++] = grid.width;
    }
    tables.count[y] = count;
}

__device__ inline int root_of(const int *parent, int i)
{
    while (parent[i] != i)
        i = parent[i];
    return i;
}

// Merge two trees; the root that comes first stays, which settles ties of area.
__device__ inline void unite(int *parent, int i, int j)
{
    for (;;) {
        i = root_of(parent, i);
        j = root_of(parent, j);
        if (i == j)
            return;
        const int first = min(i, j), second = max(i, j);
        const int before = atomicMin(&parent[second], first);
        if (before == second)
            return;
        i = first;
        j = before;  // another thread was faster: the tree that it attached there has to be merged as well
    }
}

// Attach the runs of row y to those of the row before that they touch: to the first, or, in a second pass, to the
// others. Return whether there are others.
__device__ inline bool tie(const Tables &tables, int y, int reach, bool others)
{
    bool found = false;
    const int row = y * tables.slots, before = row - tables.slots;
    const int end = y ? before + tables.count[y - 1] : before;
    int k = before;
    for (int i = row; i < row + tables.count[y]; i++) {
        while (k < end && tables.stop[k] + reach <= tables.start[i])
            k++;
        const bool touches = k < end && tables.start[k] < tables.stop[i] + reach;
        if (!others)
            tables.parent[i] = touches ? k : i;
        for (int j = k + 1; touches && j < end && tables.start[j] < tables.stop[i] + reach; j++) {
            found = true;
            if (others)
                unite(tables.parent, k, j);
        }
    }
    return found;
}

// Point every run to its root. Each round halves the depth of the trees.
__device__ inline void flatten(const Grid &grid, const Tables &tables)
{
    int moved = 1;
    while (__syncthreads_or(moved)) {
        moved = 0;
        for (int y = threadIdx.x; y < grid.height; y += THREADS)
            for (int i = y * tables.slots; i < y * tables.slots + tables.count[y]; i++) {
                const int parent = tables.parent[i], next = tables.parent[parent];
                if (next != parent) {
                    atomicExch(&tables.parent[i], next);
                    moved = 1;
                }
            }
    }
}

// Add area and extent of runs to their roots. Neighbouring rows mostly share a root, so a warp adds up first.
__device__ inline void collect(const Grid &grid, const Tables &tables)
{
    const auto sum = [](int a, int b) { return a + b; };
    const auto least = [](int a, int b) { return min(a, b); };
    const auto most = [](int a, int b) { return max(a, b); };
    for (int base = 0; base < grid.height; base += THREADS) {
        const int y = base + threadIdx.x, count = y < grid.height ? tables.count[y] : 0;
        for (int k = 0; __any_sync(FULL, k < count); k++) {
            const int i = y * tables.slots + k, root = k < count ? tables.parent[i] : -1;
            const int start = k < count ? tables.start[i] : 0, stop = k < count ? tables.stop[i] : 0;
            unsigned waiting = __ballot_sync(FULL, root >= 0);
            while (waiting) {
                const int leader = __ffs(waiting) - 1, chosen = __shfl_sync(FULL, root, leader);
                const bool mine = root == chosen;
                const int area = reduce_warp(mine ? stop - start : 0, sum);
                const int left = reduce_warp(mine ? start : grid.width, least);
                const int right = reduce_warp(mine ? stop : 0, most), bottom = reduce_warp(mine ? y + 1 : 0, most);
                if (threadIdx.x % 32 == leader) {
                    atomicAdd(&tables.area[chosen], area);
                    atomicMin(&tables.left[chosen], left);
                    atomicMax(&tables.right[chosen], right);
                    atomicMax(&tables.bottom[chosen], bottom);
                }
                waiting &= ~__ballot_sync(FULL, mine);
            }
        }
    }
}

// Write the runs of a map above a cut, and their components, into the tables.
__device__ inline void find_components(const float *map, const Grid &grid, float cut, int reach, const Tables &tables)
{
    for (int y = threadIdx.x; y < grid.height; y += THREADS)
        find_runs(map, grid, cut, y, tables);
    __syncthreads();
    bool branched = false;
    for (int y = threadIdx.x; y < grid.height; y += THREADS) {
        branched |= tie(tables, y, reach, false);
        for (int i = y * tables.slots; i < y * tables.slots + tables.count[y]; i++) {
            tables.area[i] = tables.right[i] = tables.bottom[i] = 0;
            tables.left[i] = grid.width;
        }
    }
    flatten(grid, tables);
    if (__syncthreads_or(branched)) {
        for (int y = threadIdx.x; y < grid.height; y += THREADS)
            tie(tables, y, reach, true);
        flatten(grid, tables);
    }
    __syncthreads();
    collect(grid, tables);
    __syncthreads();
}

// Write the box of a map in memory that all threads of the block share. sound: this thread's cells are finite.
// scratch: shared, THREADS / 32 entries of eight bytes.
__device__ inline void find_box(const float *map, bool sound, const Grid &grid, const Rule &rule, const Tables &tables,
                                unsigned long long *scratch, int *xyxy, int *area, float *peak)
{
    const bool fine = __syncthreads_and(sound);
    unsigned long long best = 0;  // area, then how early in raster order
    float high = NOT_A_NUMBER;
    if (fine) {
        const Extrema extrema = extrema_of(map, grid, reinterpret_cast<float *>(scratch));
        high = extrema.high;
        find_components(map, grid, cut_of(extrema, rule), rule.reach, tables);
        for (int y = threadIdx.x; y < grid.height; y += THREADS)
            for (int i = y * tables.slots; i < y * tables.slots + tables.count[y]; i++)
                if (tables.parent[i] == i)
                    best = max(best, static_cast<unsigned long long>(tables.area[i]) << 32 | ~static_cast<unsigned>(i));
        best = reduce_block(best, scratch, [](unsigned long long a, unsigned long long b) { return a > b ? a : b; });
    }
    if (threadIdx.x == 0) {
        const int found = static_cast<int>(best >> 32), root = static_cast<int>(~static_cast<unsigned>(best));
        xyxy[0] = found ? tables.left[root] : 0;
        xyxy[1] = found ? root / tables.slots : 0;
        xyxy[2] = found ? tables.right[root] : 0;
        xyxy[3] = found ? tables.bottom[root] : 0;
        *area = found;
        *peak = high;
    }
}
