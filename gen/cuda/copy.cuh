// Copies of 16 bytes and of 4 from device memory to shared memory that run beside the computation: cp.async from sm_80 on, a load and a store before.
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

// A shared_pointer is an address in shared memory, and load4_at reads four numbers at a constant distance from it, in one instruction whatever
// is done with them: the compiler takes a plain load apart where it sees them used one by one, and then its parts fall into the same banks.
#ifdef __CUDA__

typedef unsigned shared_pointer;
DEVICE_INLINE shared_pointer shared_address(const float *p) {
    unsigned at;
    asm("{ .reg .u64 wide; cvta.to.shared.u64 wide, %1; cvt.u32.u64 %0, wide; }" : "=r"(at) : "l"(p));
    return at;
}
DEVICE_INLINE float4 load4_at(shared_pointer p, int distance) {
    float4 v;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(p + 4 * distance) : "memory");
    return v;
}
DEVICE_INLINE shared_pointer shared_at(shared_pointer p, int distance) { return p + 4 * distance; }

#else

typedef const float *shared_pointer;
DEVICE_INLINE shared_pointer shared_address(const float *p) { return p; }
DEVICE_INLINE shared_pointer shared_at(shared_pointer p, int distance) { return p + distance; }
DEVICE_INLINE float4 load4_at(shared_pointer p, int distance) { return load4(p + distance); }

#endif

// copy16_at and copy4_at copy to a constant distance from an address; copy4_at writes 0 there, without reading, where there is nothing to copy.
#if defined(__CUDA__) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

DEVICE_INLINE void copy16_at(shared_pointer to, int distance, const float *from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to + 4 * distance), "l"(from) : "memory");
}
DEVICE_INLINE void copy4_at(shared_pointer to, int distance, const float *from, bool there) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to + 4 * distance), "l"(from), "r"(there ? 4 : 0) : "memory");
}

#elif defined(__CUDA__)

DEVICE_INLINE void copy16_at(shared_pointer to, int distance, const float *from) {
    float4 v = load4(from);
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(to + 4 * distance), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w) : "memory");
}

#else

DEVICE_INLINE void copy16_at(shared_pointer to, int distance, const float *from) { store4(const_cast<float *>(to) + distance, load4(from)); }
DEVICE_INLINE void copy4_at(shared_pointer to, int distance, const float *from, bool there) { const_cast<float *>(to)[distance] = there ? *from : 0.f; }

#endif
