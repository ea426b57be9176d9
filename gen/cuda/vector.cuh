// Vectors of numbers that one instruction loads or stores, and sums and maxima over a warp.
#pragma once

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
DEVICE_INLINE float2 make_float2(float x, float y) { return {x, y}; }
DEVICE_INLINE float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// load4 and store4 move four numbers at a 16-byte aligned address in one instruction.
#ifdef __CUDA__
typedef float float4_register __attribute__((ext_vector_type(4)));
DEVICE_INLINE float4 load4(const float *p) {
    float4_register v = *reinterpret_cast<const float4_register *>(p);
    return {v.x, v.y, v.z, v.w};
}
DEVICE_INLINE void store4(float *p, float4 v) { *reinterpret_cast<float4_register *>(p) = float4_register{v.x, v.y, v.z, v.w}; }
#else
DEVICE_INLINE float4 load4(const float *p, SHIM_PLACE) {
    shim::check_aligned(p, 16, {file, line});
    return {p[0], p[1], p[2], p[3]};
}
DEVICE_INLINE void store4(float *p, float4 v, SHIM_PLACE) {
    shim::check_aligned(p, 16, {file, line});
    p[0] = v.x, p[1] = v.y, p[2] = v.z, p[3] = v.w;
}
#endif

// warp_sum and warp_max return the sum and the maximum of the 32 lanes' values to each of them, by a tree of fixed shape.
template <class T> DEVICE_INLINE T warp_sum(T v) {
    for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(full_warp, v, step);
    return v;
}
template <class T> DEVICE_INLINE T warp_max(T v) {
    for (int step = 16; step > 0; step /= 2) {
        T other = __shfl_xor_sync(full_warp, v, step);
        v = v < other ? other : v;
    }
    return v;
}
