// Products of rows and columns on tensor cores, 32 x 8 sums at a time for a warp.
//
// Rows and columns lie in shared memory in chunks of 16 along the sum, 64 bytes each. Lane t of four reads numbers 4t to 4t+3 of a chunk at once,
// which are taken as places t and t+4 of two calls of mma: the order of the terms of a product is free, as long as it is the same on both
// sides.
//
// With three terms, x = high + low in TF32, and <x,y> = <high,high> + <high,low> + <low,high>, the small ones first: an error of at most
// 2^-21 |x||y| for each product, typically 2^-23. With one, numbers must be in TF32 already, and their products are exact; with rounded, one of
// numbers that are rounded first.
#pragma once
#include "copy.cuh"
#include "mma.cuh"

#ifdef HAVE_TF32

namespace mma {

constexpr int depth = 16;          // of a chunk
constexpr int high = 32, down = 2; // a warp's rows and its calls of mma for them
constexpr int rounded = 2;         // a count of terms

// parted splits a number for a count of terms.
template <int terms> DEVICE_INLINE void parted(float x, unsigned &h, unsigned &l) {
    h = terms == 1 ? __float_as_uint(x) : tf32_high(x);
    l = terms == 3 ? tf32_low(x, h) : 0u;
}

// unchanged returns a number by an operation that the compiler does not see through. Operands of mma are put together from those of two loads, four
// numbers in registers side by side, and where it sees that they are copies it copies anew for every call: 92 times in a chunk, for 32 calls.
DEVICE_INLINE float unchanged(float x) {
#ifdef __CUDA__
    x = __uint_as_float(__float_as_uint(x) | (__nvvm_read_ptx_sreg_lanemask_lt() & __nvvm_read_ptx_sreg_lanemask_eq()));
#endif
    return x;
}

// Rows are a warp's 32 rows of a chunk, by calls.
template <int terms> struct Rows {
    unsigned high[2][down][4], low[2][down][4];
    __device__ __forceinline__ void read(shared_pointer at) {
#pragma unroll
        for (int a = 0; a < down; a++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float4 v = load4_at(at, (a * 16 + half * 8) * depth);
                if (terms == 1) v = make_float4(unchanged(v.x), unchanged(v.y), unchanged(v.z), unchanged(v.w));
                parted<terms>(v.x, high[0][a][half], low[0][a][half]);
                parted<terms>(v.y, high[0][a][2 + half], low[0][a][2 + half]);
                parted<terms>(v.z, high[1][a][half], low[1][a][half]);
                parted<terms>(v.w, high[1][a][2 + half], low[1][a][2 + half]);
            }
    }
    // multiply adds the products with 8 columns, of which v are this lane's numbers.
    __device__ __forceinline__ void multiply(float (&upper)[4], float (&lower)[4], float4 v) const {
        unsigned h[4], l[4];
        parted<terms>(v.x, h[0], l[0]);
        parted<terms>(v.y, h[1], l[1]);
        parted<terms>(v.z, h[2], l[2]);
        parted<terms>(v.w, h[3], l[3]);
#pragma unroll
        for (int call = 0; call < 2; call++) {
            if (terms == 3) {
                mma_tf32(upper, low[call][0], h[2 * call], h[2 * call + 1]);
                mma_tf32(lower, low[call][1], h[2 * call], h[2 * call + 1]);
                mma_tf32(upper, high[call][0], l[2 * call], l[2 * call + 1]);
                mma_tf32(lower, high[call][1], l[2 * call], l[2 * call + 1]);
            }
            mma_tf32(upper, high[call][0], h[2 * call], h[2 * call + 1]);
            mma_tf32(lower, high[call][1], h[2 * call], h[2 * call + 1]);
        }
    }
};

// quad_at returns where numbers 4q to 4q+3 of a line of a chunk lie: lines one after the other, quads of each in an order of its own, so that those of
// eight lines fall into different banks.
DEVICE_INLINE int quad_at(int line, int q) { return 4 * (q ^ (line / 2 % 4)); }

// add_products adds to sum what a chunk, whose quads are at quad_at, contributes to the products of a warp's rows x and columns y. Tensor cores round
// sums towards zero, so those of a chunk are added up outside.
template <int terms, int across> DEVICE_INLINE void add_products(float (&sum)[down][across][4], const float *x, const float *y) {
    int g = threadIdx.x % 32 / 4, at = g * depth + quad_at(g, threadIdx.x % 4);
    shared_pointer columns = shared_address(y + at);
    Rows<terms> rows;
    rows.read(shared_address(x + at));
#pragma unroll
    for (int b = 0; b < across; b++) {
        float upper[4] = {}, lower[4] = {};
        rows.multiply(upper, lower, load4_at(columns, b * 8 * depth));
#pragma unroll
        for (int k = 0; k < 4; k++) sum[0][b][k] += upper[k], sum[1][b][k] += lower[k];
    }
}

} // namespace mma

#endif
