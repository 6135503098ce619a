// CUDA's functions of numbers, where they differ from C's or C lacks them.
#pragma once

namespace cuda_host {

template <class T>
T lesser(T a, T b)
{
    return b < a ? b : a;
}

template <class T>
T greater(T a, T b)
{
    return a < b ? b : a;
}

}  // namespace cuda_host

// Minimum and maximum. Of two integers the unsigned type wins, then the longer one, as in CUDA.
#define CUDA_HOST_MIN_MAX(A, B, T)                                 \
    inline T min(A a, B b) { return cuda_host::lesser<T>(a, b); }  \
    inline T max(A a, B b) { return cuda_host::greater<T>(a, b); }
CUDA_HOST_MIN_MAX(int, int, int)
CUDA_HOST_MIN_MAX(unsigned, unsigned, unsigned)
CUDA_HOST_MIN_MAX(int, unsigned, unsigned)
CUDA_HOST_MIN_MAX(unsigned, int, unsigned)
CUDA_HOST_MIN_MAX(long, long, long)
CUDA_HOST_MIN_MAX(unsigned long, unsigned long, unsigned long)
CUDA_HOST_MIN_MAX(long, unsigned long, unsigned long)
CUDA_HOST_MIN_MAX(unsigned long, long, unsigned long)
CUDA_HOST_MIN_MAX(long long, long long, long long)
CUDA_HOST_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
CUDA_HOST_MIN_MAX(long long, unsigned long long, unsigned long long)
CUDA_HOST_MIN_MAX(unsigned long long, long long, unsigned long long)
#undef CUDA_HOST_MIN_MAX

namespace cuda_host {

// NaN only if both are; -0 is less than 0, where C's fminf may return either.
template <class T>
T minimum(T a, T b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return a == b ? (signbit(a) ? a : b) : (a < b ? a : b);
}

template <class T>
T maximum(T a, T b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return a == b ? (signbit(a) ? b : a) : (a < b ? b : a);
}

inline float minimum_float(float a, float b) { return minimum(a, b); }
inline float maximum_float(float a, float b) { return maximum(a, b); }

template <class To, class From>
To reinterpreted(From value)
{
    static_assert(sizeof(To) == sizeof(From), "of one size");
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}

// A rounded number as an integer: the nearest there is, 0 for NaN. C leaves this undefined.
template <class T>
T saturated(float value, float first, float beyond, T lowest, T highest)
{
    if (isnan(value))
        return 0;
    return value < first ? lowest : value >= beyond ? highest : T(value);
}
inline int saturated_int(float value) { return saturated(value, -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX); }
inline unsigned saturated_uint(float value) { return saturated(value, 0.0f, 0x1p32f, 0u, UINT32_MAX); }

}  // namespace cuda_host

inline float min(float a, float b) { return cuda_host::minimum(a, b); }
inline float max(float a, float b) { return cuda_host::maximum(a, b); }
inline double min(double a, double b) { return cuda_host::minimum(a, b); }
inline double max(double a, double b) { return cuda_host::maximum(a, b); }
inline double min(float a, double b) { return cuda_host::minimum<double>(a, b); }
inline double max(float a, double b) { return cuda_host::maximum<double>(a, b); }
inline double min(double a, float b) { return cuda_host::minimum<double>(a, b); }
inline double max(double a, float b) { return cuda_host::maximum<double>(a, b); }

// C's functions of these names have other rules for zeros, and can't be overloaded.
#define fminf(a, b) cuda_host::minimum_float(a, b)
#define fmaxf(a, b) cuda_host::maximum_float(a, b)

// The compiler fuses nothing by itself (-ffp-contract=off), so these are what operators are.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

inline float __saturatef(float a) { return isnan(a) || a < 0 ? 0.0f : a > 1 ? 1.0f : a; }
inline int __float2int_rn(float a) { return cuda_host::saturated_int(rintf(a)); }
inline int __float2int_rz(float a) { return cuda_host::saturated_int(truncf(a)); }
inline int __float2int_rd(float a) { return cuda_host::saturated_int(floorf(a)); }
inline int __float2int_ru(float a) { return cuda_host::saturated_int(ceilf(a)); }
inline unsigned __float2uint_rn(float a) { return cuda_host::saturated_uint(rintf(a)); }
inline unsigned __float2uint_rz(float a) { return cuda_host::saturated_uint(truncf(a)); }
inline float __int2float_rn(int a) { return float(a); }
inline float __uint2float_rn(unsigned a) { return float(a); }

inline int __float_as_int(float a) { return cuda_host::reinterpreted<int>(a); }
inline unsigned __float_as_uint(float a) { return cuda_host::reinterpreted<unsigned>(a); }
inline float __int_as_float(int a) { return cuda_host::reinterpreted<float>(a); }
inline float __uint_as_float(unsigned a) { return cuda_host::reinterpreted<float>(a); }
inline long long __double_as_longlong(double a) { return cuda_host::reinterpreted<long long>(a); }
inline double __longlong_as_double(long long a) { return cuda_host::reinterpreted<double>(a); }

inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __ffsll(long long a) { return __builtin_ffsll(a); }
inline int __clz(int a) { return a ? __builtin_clz(unsigned(a)) : 32; }
inline int __clzll(long long a) { return a ? __builtin_clzll((unsigned long long)a) : 64; }

inline unsigned __brev(unsigned a)
{
    unsigned reversed = 0;
    for (int i = 0; i < 32; i++)
        reversed |= (a >> i & 1) << (31 - i);
    return reversed;
}

template <class T>
T __ldg(const T *address)
{
    return *address;
}
