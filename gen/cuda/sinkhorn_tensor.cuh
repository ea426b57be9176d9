// Tiles of products of points on tensor cores: see tensor.cuh. Coordinates lie in shared memory as chunk, point, coordinate: a point's 64 bytes
// beside the next one's, so that the eight lanes of a quarter of a warp, each reading 16 bytes of two points, fall into different banks.
#pragma once
#include "sinkhorn_terms.cuh"
#include "tensor.cuh"

#ifdef HAVE_TF32

namespace sinkhorn {
namespace tensor {

using ::mma::depth, ::mma::high, ::mma::down, ::mma::Rows;

constexpr int wide = 64, across = 8; // a warp's columns and its calls of mma for them

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

// multiply adds what one chunk contributes to the products of a warp's rows x and columns y.
template <int terms> DEVICE_INLINE void multiply(Products &p, const float *x, const float *y) {
    int at = threadIdx.x % 32 / 4 * depth + threadIdx.x % 4 * 4;
    shared_pointer columns = shared_address(y + at);
    Rows<terms> rows;
    rows.read(shared_address(x + at));
#pragma unroll
    for (int b = 0; b < across; b++) rows.multiply(p[0][b], p[1][b], load4_at(columns, b * 8 * depth));
}

// load starts copying chunks of count points, to places that are held points apart, by all threads of the block.
template <int threads> DEVICE_INLINE void load(float *to, int held, const float *from, int ld, int count, int chunks) {
    for (int at = threadIdx.x; at < count * chunks * 4; at += threads) {
        int k = at % 4 * 4, point = at / 4 % count, chunk = at / 4 / count;
        copy16(to + (chunk * held + point) * depth + k, from + (size_t)point * ld + chunk * depth + k);
    }
}

// tile_products sets p to the products of a warp's rows and the columns of a tile, of which chunks lie tall and wide points apart, once their copies are
// there; where more are to come, fetch starts those of the next tile before.
template <int terms, class Fetch>
DEVICE_INLINE void tile_products(Products &p, bool more, Fetch fetch, const float *held, int tall, int row, const float *columns, int turn, int chunks) {
    if (more) {
        fetch();
        copy_wait<1>();
    } else {
        copy_wait<0>();
    }
    __syncthreads();
    clear(p);
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; chunk++) multiply<terms>(p, held + (chunk * tall + row) * depth, columns + (turn * chunks + chunk) * wide * depth);
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
