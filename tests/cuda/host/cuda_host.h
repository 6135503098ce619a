// CUDA C++ for g++ on x86-64 Linux: with this before it, the text of a .cu file compiles to kernels that run on one CPU
// thread. What CUDA computes approximately (__expf, rsqrtf and others) is left out: the CPU would tell another number.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)  // executor.py reads them
#define __grid_constant__
#define __align__(bytes) alignas(bytes)
#define __constant__ static
#define __shared__ static  // one block runs at a time; build.py finds these variables in the symbol table

static const int warpSize = 32;

#include "atomics.h"
#include "collectives.h"
#include "maths.h"
