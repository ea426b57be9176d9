// A device that is this process: the kernels of gen/cuda compiled as C++ and run here, so that their arithmetic, their indices and
// their barriers are tested where there is no GPU. It says nothing of speed.
//
// The threads of a block are fibres on stacks of their own, run one after another; a thread runs until it waits for others, at a
// barrier or in an operation of its warp. Blocks run one after another. So a launch gives the same bits each time, and an order of
// threads and blocks other than the usual (see shim_run) gives the same bits too unless the kernel has a race.
//
// Found and reported, with the place in the source, are: a barrier that not all threads of the block reach, and an operation of a warp
// in which a lane that its mask names does not take part (no thread may return early before either, which is stricter than a device
// is); a lane read that has nothing to say; an index past the end of an array whose size the compiler knows; misaligned vectors; an
// access outside of the memory that was allocated. Shared memory is filled with NaN before each block.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __device__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
// The simulated device finds the kernels by these attributes and shared memory by the name of its section.
#define __global__ __attribute__((annotate("kernel")))
#define __launch_bounds__(threads, ...) __attribute__((annotate("threads", threads)))
#define __shared__ static __attribute__((section("shared_memory"), aligned(16)))
#define DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(shim::dynamic_shared)
#define DEVICE_INLINE static inline

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};

// Of the thread that runs.
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
constexpr int warpSize = 32;
constexpr unsigned full_warp = 0xffffffffu;

#include "fibre.cuh"

#include "block.cuh"

#include "intrinsics.cuh"

#include "sanitizer.cuh"
