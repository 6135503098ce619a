// What the host executor has of CUDA's vocabulary, one number for each use.
#define FULL 0xffffffffu

extern "C" __global__ void shuffles(int *out)
{
    const int lane = threadIdx.x % 32, value = 100 + lane;
    int *row = out + 8 * threadIdx.x;
    row[0] = __shfl_sync(FULL, value, 5);
    row[1] = __shfl_sync(FULL, value, 9, 8);
    row[2] = __shfl_up_sync(FULL, value, 3);
    row[3] = __shfl_up_sync(FULL, value, 3, 8);
    row[4] = __shfl_down_sync(FULL, value, 3);
    row[5] = __shfl_down_sync(FULL, value, 3, 8);
    row[6] = __shfl_xor_sync(FULL, value, 12);
    row[7] = static_cast<int>(__shfl_xor_sync(FULL, 1.5 * value, 1));
}

extern "C" __global__ void votes(unsigned *out)
{
    const int lane = threadIdx.x % 32;
    unsigned *row = out + 10 * threadIdx.x;
    row[0] = __ballot_sync(FULL, lane % 3 == 0);
    row[1] = __any_sync(FULL, lane == 7);
    row[2] = __all_sync(FULL, lane != 7);
    row[3] = __match_any_sync(FULL, lane / 10);
    row[4] = __reduce_add_sync(FULL, lane);
    row[5] = __reduce_min_sync(FULL, lane - 5);
    row[6] = __reduce_max_sync(FULL, static_cast<unsigned>(lane - 5));
    row[7] = __syncthreads_count(threadIdx.x > 3);
    row[8] = __syncthreads_or(threadIdx.x == 1);
    row[9] = __syncthreads_and(threadIdx.x < 63);
}

extern "C" __global__ void half_warps(unsigned *out)
{
    const bool is_low = threadIdx.x < 16;
    const unsigned half = is_low ? 0x0000ffffu : 0xffff0000u;
    unsigned sum = 0;
    for (unsigned round = 0; round < (is_low ? 3u : 1u); round++)  // as often as each half likes
        sum += __reduce_add_sync(half, threadIdx.x);
    out[threadIdx.x] = sum + __ballot_sync(FULL, is_low);
}

extern "C" __global__ void atomics(int *ints, unsigned *words, unsigned long long *longs, float *floats, int *old)
{
    old[threadIdx.x] = atomicAdd(&ints[0], 2);
    atomicSub(&ints[1], 1);
    atomicMin(&ints[2], -static_cast<int>(threadIdx.x));
    atomicMax(&ints[3], threadIdx.x);
    atomicMin(&words[0], 100 + threadIdx.x);
    atomicMax(&words[1], 100 + threadIdx.x);
    atomicOr(&words[2], 1u << threadIdx.x % 32);
    atomicAnd(&words[3], ~(1u << threadIdx.x % 32));
    atomicCAS(&words[4], threadIdx.x, threadIdx.x + 1);
    atomicAdd(&longs[0], 1ull << 32);
    atomicMax(&longs[1], 1ull << threadIdx.x % 64);
    atomicExch(&longs[2], 7ull);
    atomicAdd(&floats[0], 0.5f);
    atomicExch(&floats[1], 2.5f);
}

extern "C" __global__ void integers(long long *out)
{
    const int minus_one = -1, seven = 7;
    const unsigned two = 2;
    const long long big = -5000000000ll;
    int n = 0;
    out[n++] = min(minus_one, seven);
    out[n++] = min(minus_one, two);  // as unsigned
    out[n++] = max(two, minus_one);
    out[n++] = max(big, 3ll);
    out[n++] = min(9ull, big);
    out[n++] = __popc(0xf0f0u);
    out[n++] = __popcll(0xf0f000000000ull);
    out[n++] = __ffs(8);
    out[n++] = __ffs(0);
    out[n++] = __clz(1);
    out[n++] = __clz(0);
    out[n++] = __brev(1u);
    out[n++] = __float2int_rn(2.5f);
    out[n++] = __float2int_rn(-3e9f);
    out[n++] = __float2int_rz(-2.75f);
    out[n++] = __float2int_rz(__int_as_float(0x7fc00000));
    out[n++] = __float2int_rz(__int_as_float(0x7f800000));
    out[n++] = __float_as_int(-0.0f);
    out[n++] = __float_as_uint(1.0f);
    out[n++] = isnan(__int_as_float(0x7fc00000)) && !isfinite(__uint_as_float(0x7f800000u));
    out[n++] = sizeof(float4) + sizeof(int2) + sizeof(uchar4) + sizeof(ushort4) + alignof(float4) + alignof(uchar4);
    out[n++] = make_uchar4(1, 2, 3, 4).w + make_int2(5, 6).y + make_ushort4(1, 2, 3, 7).w;
    out[n++] = warpSize;
}

extern "C" __global__ void floats(const float *in, float *out)
{
    const float zero = in[0], minus_zero = in[1], not_a_number = in[2], tenth = in[3];
    int n = 0;
    out[n++] = fminf(zero, minus_zero);
    out[n++] = fminf(minus_zero, zero);
    out[n++] = fmaxf(zero, minus_zero);
    out[n++] = fmaxf(minus_zero, zero);
    out[n++] = fminf(not_a_number, 1.0f);
    out[n++] = max(2.0f, not_a_number);
    out[n++] = fmaxf(not_a_number, not_a_number);
    out[n++] = fabsf(-tenth);
    out[n++] = fmaf(tenth, tenth, -__fmul_rn(tenth, tenth));
    out[n++] = __fmaf_rn(tenth, 10.0f, -1.0f);
    out[n++] = tenth * 10.0f - 1.0f;
    out[n++] = __fadd_rn(tenth, 0.2f);
    out[n++] = __fdiv_rn(tenth, 3.0f);
    out[n++] = __saturatef(tenth * 20.0f) + __saturatef(not_a_number) + __saturatef(-tenth);
    out[n++] = make_float4(1, 2, 3, 4).w + make_float2(0.5f, 0.25f).x;
    out[n++] = __ldg(&in[3]);
}

__constant__ int primes[4] = {2, 3, 5, 7};

extern "C" __global__ void constants(int *out)
{
    constexpr int powers[4] = {1, 2, 4, 8};
    out[threadIdx.x] = primes[threadIdx.x % 4] * powers[threadIdx.x / 4];
}

extern "C" __global__ void places(unsigned *out)
{
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

// What lies in shared memory before a block writes to it.
template <class T>
__device__ T first_of_template()
{
    __shared__ T cells[4];
    return cells[threadIdx.x % 4];
}

extern "C" __global__ void garbage(unsigned *out)
{
    extern __shared__ __align__(16) unsigned memory[];
    __shared__ unsigned cells[8];
    out[0] = cells[0];
    out[1] = memory[0];
    out[2] = first_of_template<unsigned>();
    cells[0] = memory[0] = out[3] = 0;
}
