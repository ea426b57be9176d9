// What the kernels of this folder may use of CUDA C++, without a CUDA toolkit: for a device by clang's built-in functions, for a
// machine without one by the shim in shim/, under the same names and with the same meaning.
//
// A kernel is `extern "C" __global__ void family_name(...)`: its name is the one that it is launched by. Its parameters are
// pointers, int, unsigned, long long, float and double. All .cu files are one translation unit: what else they define is static or
// in a namespace of the family's.
//
// Shared memory whose size the launch gives is named by DYNAMIC_SHARED(float, tile), 16-byte aligned. A launch may rely on pointers
// that are aligned to 16 bytes.
#pragma once

#ifdef __CUDA__

typedef __SIZE_TYPE__ size_t;
struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define DYNAMIC_SHARED(type, name)                            \
    extern __shared__ __attribute__((aligned(16))) char dynamic_shared[]; \
    type *name = reinterpret_cast<type *>(dynamic_shared)

#include <__clang_cuda_builtin_vars.h>

#include "device.cuh"

#else

#include "shim/shim.cuh"

#endif

#include "vector.cuh"
