// Tiles of products of points on tensor cores.
//
// Coordinates lie in chunks of 16, in shared memory as chunk, point, coordinate: a point's 64 bytes beside the next one's, so that the eight
// lanes of a quarter of a warp, each reading 16 bytes of two points, fall into different banks. Lane t of four holds coordinates 4t to 4t+3 of a
// chunk, which are taken as places t and t+4 of two calls of mma: the order of the terms of a product is free, as long as it is the same on
// both sides.
//
// With three terms, x = high + low in TF32, and <x,y> = <high,high> + <high,low> + <low,high> with an error of some 2^-22 |x||y|, the small
// ones first. With one, the points must be in TF32 already, and their products are exact.
#pragma once
#include "copy.cuh"
#include "mma.cuh"
#include "sinkhorn_terms.cuh"

#ifdef HAVE_TF32

namespace sinkhorn {
namespace tensor {

constexpr int depth = 16;            // of a chunk
constexpr int high = 32, wide = 64;  // a warp's rows and columns
constexpr int down = 2, across = 8;  // its calls of mma

typedef float Products[down][across][4];

DEVICE_INLINE void clear(Products &p) {
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int b = 0; b < across; b++)
#pragma unroll
            for (int k = 0; k < 4; k++) p[a][b][k] = 0.f;
}

// take adds products to a total and clears them: tensor cores round sums towards zero, which adds up.
DEVICE_INLINE void take(Products &total, Products &p) {
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int b = 0; b < across; b++)
#pragma unroll
            for (int k = 0; k < 4; k++) total[a][b][k] += p[a][b][k], p[a][b][k] = 0.f;
}

// parted splits a number for a count of terms.
template <int terms> DEVICE_INLINE void parted(float x, unsigned &h, unsigned &l) {
    h = terms == 1 ? __float_as_uint(x) : tf32_high(x);
    l = terms == 1 ? 0u : tf32_low(x, h);
}

// multiply adds what one chunk contributes to the products of a warp's rows x and columns y.
template <int terms> DEVICE_INLINE void multiply(Products &p, const float *x, const float *y) {
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    unsigned ah[2][down][4], al[2][down][4]; // by calls
    shared_pointer rows = shared_address(x + g * depth + 4 * t), columns = shared_address(y + g * depth + 4 * t);
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float4 v = load4_at(rows, (a * 16 + half * 8) * depth);
            parted<terms>(v.x, ah[0][a][half], al[0][a][half]);
            parted<terms>(v.y, ah[0][a][2 + half], al[0][a][2 + half]);
            parted<terms>(v.z, ah[1][a][half], al[1][a][half]);
            parted<terms>(v.w, ah[1][a][2 + half], al[1][a][2 + half]);
        }
#pragma unroll
    for (int b = 0; b < across; b++) {
        float4 v = load4_at(columns, b * 8 * depth);
        unsigned bh[4], bl[4];
        parted<terms>(v.x, bh[0], bl[0]);
        parted<terms>(v.y, bh[1], bl[1]);
        parted<terms>(v.z, bh[2], bl[2]);
        parted<terms>(v.w, bh[3], bl[3]);
#pragma unroll
        for (int call = 0; call < 2; call++)
#pragma unroll
            for (int a = 0; a < down; a++) {
                if (terms == 3) {
                    mma_tf32(p[a][b], al[call][a], bh[2 * call], bh[2 * call + 1]);
                    mma_tf32(p[a][b], ah[call][a], bl[2 * call], bl[2 * call + 1]);
                }
                mma_tf32(p[a][b], ah[call][a], bh[2 * call], bh[2 * call + 1]);
            }
    }
}

// load starts copying chunks of count points, to places that are held points apart, by all threads of the block.
template <int threads> DEVICE_INLINE void load(float *to, int held, const float *from, int ld, int count, int chunks) {
    for (int at = threadIdx.x; at < count * chunks * 4; at += threads) {
        int k = at % 4 * 4, point = at / 4 % count, chunk = at / 4 / count;
        copy16(to + (chunk * held + point) * depth + k, from + (size_t)point * ld + chunk * depth + k);
    }
}

// finish turns a warp's products into what enters exponents. j is the column of its first.
DEVICE_INLINE void finish(Products &p, const Cost &cost, const float *cx, const float *cy, int i, int j) {
    if (cost.finish == as_is) return;
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int b = 0; b < across; b++)
#pragma unroll
            for (int k = 0; k < 4; k++)
                p[a][b][k] = finished(cost, p[a][b][k], cx[i + a * 16 + k / 2 * 8 + g], cy[j + b * 8 + 2 * t + k % 2]);
}

} // namespace tensor
} // namespace sinkhorn

#endif
