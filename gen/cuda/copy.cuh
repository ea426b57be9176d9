// Copies of 16 bytes from device memory to shared memory that run beside the computation: cp.async from sm_80 on, a load and a store before.
#pragma once
#include "common.cuh"

#if defined(__CUDA__) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

DEVICE_INLINE void copy16(float *to, const float *from) {
    asm volatile("{ .reg .u64 at; cvta.to.shared.u64 at, %0; cp.async.cg.shared.global [at], [%1], 16; }" ::"l"(to), "l"(from) : "memory");
}

// copy_commit ends a group of copies; copy_wait waits until at most left groups of this thread are under way. A barrier shows the others'.
DEVICE_INLINE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int left> DEVICE_INLINE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory"); }

#else

DEVICE_INLINE void copy16(float *to, const float *from) { store4(to, load4(from)); }
DEVICE_INLINE void copy_commit() {}
template <int left> DEVICE_INLINE void copy_wait() {}

#endif
