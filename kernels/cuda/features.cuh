// The weighted channel sum of one image, by all threads of a block, with loads of up to sixteen bytes.
//
// FORM: contract.Features.form. VECTOR: values of a load; channels are a multiple of it, and images are aligned to it.
#define CHANNELS_LAST (FORM >= 4)
#if FORM % 4 == 0
typedef float Item;
#elif FORM % 4 == 1
typedef unsigned short Item;
#elif FORM % 4 == 2
typedef signed char Item;
#else
typedef unsigned char Item;
#endif

struct __align__(VECTOR * sizeof(Item)) Items {
    Item item[VECTOR];
};

struct Features {
    const Item *items;  // of all images
    int channels, positions;
    float zero_point, scale;
};

__device__ inline float value_of(Item item, const Features &features)
{
#if FORM % 4 == 0
    return item;
#elif FORM % 4 == 1
    // Shift exponent and mantissa of a half into those of a float, which is 2**112 too small then, also if denormal.
    const unsigned magnitude = (item & 0x7fffu) << 13, sign = (item & 0x8000u) << 16;
    const unsigned endless = (item & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;  // infinite or NaN stays so
    return __uint_as_float(magnitude | endless | sign) * 5.192296858534828e33f;
#else
    return (item - features.zero_point) * features.scale;
#endif
}

__device__ inline Items load(const Item *items)
{
    return *reinterpret_cast<const Items *>(items);
}

#if CHANNELS_LAST

// map[p] = sum over channels [first, stop) of weights[c] * f(p, c). A warp for each position.
__device__ inline void weighted_sum(const Features &features, const Item *image, const float *weights, int first,
                                    int stop, float *, float *map)
{
    const int lane = threadIdx.x % 32;
    for (int p = threadIdx.x / 32; p < features.positions; p += THREADS / 32) {
        const Item *row = image + static_cast<long long>(p) * features.channels;
        float sum = 0;
#pragma unroll 4
        for (int c = first + lane * VECTOR; c < stop; c += 32 * VECTOR) {
            const Items items = load(row + c);
#pragma unroll
            for (int j = 0; j < VECTOR; j++)
                sum = fmaf(weights[c + j], value_of(items.item[j], features), sum);
        }
        for (int distance = 16; distance; distance /= 2)
            sum += __shfl_xor_sync(FULL, sum, distance);
        if (lane == 0)
            map[p] = sum;
    }
}

#else

// map[p] = sum over channels [first, stop) of weights[c] * f(c, p).
//
// VECTOR channels take one load for each position. So each thread always meets the same positions, and keeps their sums
// in registers; THREADS / positions groups of threads share the channels. partial: shared, THREADS * VECTOR.
__device__ inline void weighted_sum(const Features &features, const Item *image, const float *weights, int first,
                                    int stop, float *partial, float *map)
{
    const int positions = features.positions, steps = (stop - first) / VECTOR;
    const int width = min(positions, THREADS), groups = THREADS / width;
    const int group = threadIdx.x / width, place = threadIdx.x % width;
    for (int p = threadIdx.x; p < positions; p += THREADS)
        map[p] = 0;
    for (int begin = 0; begin < positions; begin += width) {
        const int slot = begin + place;
        float sums[VECTOR] = {};
        if (group < groups && slot < positions) {
            int channel[VECTOR];
#pragma unroll
            for (int j = 0; j < VECTOR; j++)
                channel[j] = first + (slot * VECTOR + j) / positions;
            const Item *items = image + static_cast<long long>(first) * positions + slot * VECTOR;
#pragma unroll 4
            for (int step = group; step < steps; step += groups) {
                const Items loaded = load(items + static_cast<long long>(step) * positions * VECTOR);
#pragma unroll
                for (int j = 0; j < VECTOR; j++)
                    sums[j] = fmaf(weights[channel[j] + step * VECTOR], value_of(loaded.item[j], features), sums[j]);
            }
        }
        __syncthreads();  // the sums of the round before have been read
        if (group < groups)
            for (int j = 0; j < VECTOR; j++)
                partial[(group * width + place) * VECTOR + j] = sums[j];
        __syncthreads();
        for (int p = threadIdx.x; p < positions; p += THREADS)
            for (int j = 0; j < VECTOR; j++) {
                const int at = j * positions + p - begin * VECTOR;
                if (at >= 0 && at < width * VECTOR)
                    for (int g = 0; g < groups; g++)
                        map[p] += partial[g * width * VECTOR + at];
            }
    }
}

#endif
