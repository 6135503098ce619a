// CUDA's vector types, with its alignments: a float4 at an address that is no multiple of 16 is an error there.
#pragma once

#define CUDA_HOST_VECTORS(Name, Scalar)                                                                     \
    struct alignas(2 * sizeof(Scalar)) Name##2 { Scalar x, y; };                                            \
    struct Name##3 { Scalar x, y, z; };                                                                     \
    struct alignas(4 * sizeof(Scalar) < 16 ? 4 * sizeof(Scalar) : 16) Name##4 { Scalar x, y, z, w; };       \
    inline Name##2 make_##Name##2(Scalar x, Scalar y) { return {x, y}; }                                    \
    inline Name##3 make_##Name##3(Scalar x, Scalar y, Scalar z) { return {x, y, z}; }                       \
    inline Name##4 make_##Name##4(Scalar x, Scalar y, Scalar z, Scalar w) { return {x, y, z, w}; }

CUDA_HOST_VECTORS(char, signed char)
CUDA_HOST_VECTORS(uchar, unsigned char)
CUDA_HOST_VECTORS(short, short)
CUDA_HOST_VECTORS(ushort, unsigned short)
CUDA_HOST_VECTORS(int, int)
CUDA_HOST_VECTORS(uint, unsigned)
CUDA_HOST_VECTORS(longlong, long long)
CUDA_HOST_VECTORS(ulonglong, unsigned long long)
CUDA_HOST_VECTORS(float, float)
CUDA_HOST_VECTORS(double, double)
#undef CUDA_HOST_VECTORS

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
