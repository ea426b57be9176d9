// Passes over costs from products of points on tensor cores, from sm_80 on; see sinkhorn_tensor.cuh.
//
// A warp owns 32 rows and 64 columns at a time, 64 sums of products a thread. Up to 64 dimensions the rows of a block stay in shared memory,
// and its columns come through it in tiles of 64, of which the next is copied while one is at work; beyond, both come in pieces of 32
// coordinates. Work per entry: d/2048 of a call of mma for each term (d/1024 cycles of a multiprocessor where all its tensor cores keep
// busy), 3 operations (add potentials, multiply-add, add to the sum), one exponential (1/16 of a cycle), and d/32 + d/64 reads of 4 bytes
// in shared memory, of which 32 are made in a cycle. For 64 dimensions that is
//
//     one term      1/16 tensor cores, 1/16 exponentials, .09 reads of shared memory
//     three terms   3/16 tensor cores, 1/16 exponentials, .09 reads, and 144 operations for 96 calls of mma that split numbers
//
// so that tensor cores bind, shared memory close behind with one term, with exponentials of one warp beside the products of another. All told
// the PTX has 10.9 and 33 instructions an entry, .085 and .26 cycles of issue. mma.sync is said to reach some 60 % of what tensor cores of
// sm_90 do for wgmma, .10 and .31 cycles. What is to be expected are .10 to .17 and .31 to .38 cycles an entry, as exponentials overlap with
// products wholly or not at all: on 132 multiprocessors at 1.8 GHz, .09 to .14 and .26 to .32 ms for an iteration on 10,000 x 10,000 points.
// The sums of tensor cores are rounded towards zero: beyond 64 dimensions with three terms those of 32 coordinates are added up outside.
#include "sinkhorn_tensor.cuh"

#ifdef HAVE_TF32

namespace sinkhorn {
namespace tensor {

// Sums are those of the rows of a thread: g, g+8, g+16 and g+24 of its warp's.
typedef Sum Sums[down][2];

DEVICE_INLINE void clear(Sums &s) {
#pragma unroll
    for (int a = 0; a < down; a++) s[a][0] = s[a][1] = nothing();
}

// reduce takes the exponentials of a warp's products into its sums. i and j are its first row and column.
template <int mode>
DEVICE_INLINE void reduce(Sums &sums, Products &p, const Cost &cost, const float *u, const float *v, const float *cx, const float *cy, int i,
                          int j) {
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    finish(p, cost, cx, cy, i, j);
    float vj[2 * across];
#pragma unroll
    for (int b = 0; b < across; b++) {
        vj[2 * b] = v[j + b * 8 + 2 * t];
        vj[2 * b + 1] = v[j + b * 8 + 2 * t + 1];
    }
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = i + a * 16 + half * 8 + g;
            float ui = u[row], z[2 * across], costs[2 * across];
#pragma unroll
            for (int b = 0; b < 2 * across; b++) {
                float q = p[a][b / 2][2 * half + b % 2];
                z[b] = fmaf(cost.alpha, q, ui + vj[b]);
                if (mode == full) costs[b] = cost_of(cost, q, cx[row], cy[j + b / 2 * 8 + 2 * t + b % 2]);
            }
            add<mode>(sums[a][half], z, costs);
        }
}

template <int mode> DEVICE_INLINE void leave(const Sums &sums, float *out, int part, int parts, int rows, int i) {
    int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            Sum s = over_lanes<mode>(sums[a][half], 4);
            if (t == 0) store<mode>(out, s, part, parts, rows, i + a * 16 + half * 8 + g);
        }
}

// resident is the pass of warps x 32 rows in at most 64 dimensions. Shared memory: (warps 32 + 128) ld numbers.
template <int warps, int terms, int mode>
DEVICE_INLINE void resident(const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, Cost cost,
                            float *out, int rows, int count) {
    constexpr int threads = 32 * warps, tall = high * warps;
    DYNAMIC_SHARED(float, held);
    int chunks = ld / depth, warp = threadIdx.x / 32, i0 = blockIdx.x * tall;
    float *columns = held + tall * ld;
    int tile = first_tile(count, blockIdx.y, gridDim.y), last = first_tile(count, blockIdx.y + 1, gridDim.y);
    Sums sums;
    clear(sums);
    auto fetch = [&](int next, int turn) {
        load<threads>(columns + turn * wide * ld, wide, y + (size_t)next * wide * ld, ld, wide, chunks);
        copy_commit();
    };
    if (tile < last) {
        load<threads>(held, tall, x + (size_t)i0 * ld, ld, tall, chunks);
        fetch(tile, 0);
    }
    for (int turn = 0; tile < last; tile++, turn ^= 1) {
        Products p;
        tile_products<terms>(p, tile + 1 < last, [&] { fetch(tile + 1, turn ^ 1); }, held, tall, warp * high, columns, turn, chunks);
        __syncthreads();
        reduce<mode>(sums, p, cost, u, v, cx, cy, i0 + warp * high, tile * wide);
    }
    leave<mode>(sums, out, blockIdx.y, gridDim.y, rows, i0 + warp * high);
}

// streamed is the pass of 128 rows in any number of dimensions, by 8 warps, 4 down and 2 across; each half of the columns of a tile has
// a part of the result of its own. Shared memory: 4 x 128 x 32 numbers.
template <int terms, int mode>
DEVICE_INLINE void streamed(const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, Cost cost,
                            float *out, int rows, int count) {
    constexpr int threads = 256, tall = 128, piece = 2, size = tall * piece * depth;
    DYNAMIC_SHARED(float, held);
    int warp = threadIdx.x / 32, i = warp / 2 * high, j = warp % 2 * wide, i0 = blockIdx.x * tall;
    int first = first_tile(count, blockIdx.y, gridDim.y), last = first_tile(count, blockIdx.y + 1, gridDim.y);
    int chunks = ld / depth, pieces = (chunks + piece - 1) / piece, steps = (last - first) * pieces;
    x += (size_t)i0 * ld;
    Sums sums;
    clear(sums);
    Products p, total;
    clear(p);
    clear(total);
    int tile = first, at = 0, next_tile = first, next = 0;
    auto fetch = [&](int turn) {
        int k = next * piece, deep = min(piece, chunks - k);
        float *to = held + turn * 2 * size;
        load<threads>(to, tall, x + k * depth, ld, tall, deep);
        load<threads>(to + size, tall, y + (size_t)next_tile * tall * ld + k * depth, ld, tall, deep);
        copy_commit();
        if (++next == pieces) next = 0, next_tile++;
    };
    if (steps > 0) fetch(0);
    for (int step = 0; step < steps; step++) {
        if (step + 1 < steps) {
            fetch((step + 1) % 2);
            copy_wait<1>();
        } else {
            copy_wait<0>();
        }
        __syncthreads();
        const float *from = held + step % 2 * 2 * size;
        int deep = min(piece, chunks - at * piece);
#pragma unroll 1
        for (int chunk = 0; chunk < deep; chunk++)
            multiply<terms>(p, from + (chunk * tall + i) * depth, from + size + (chunk * tall + j) * depth);
        __syncthreads();
        if (terms == 3) take(total, p);
        if (++at < pieces) continue;
        Products &sum = terms == 3 ? total : p;
        reduce<mode>(sums, sum, cost, u, v, cx, cy, i0 + i, tile * tall + j);
        clear(sum);
        at = 0;
        tile++;
    }
    leave<mode>(sums, out, 2 * blockIdx.y + warp % 2, 2 * gridDim.y, rows, i0 + i);
}

} // namespace tensor
} // namespace sinkhorn

// x, y: points, row-major with leading dimension ld, a multiple of 16, of zeros beyond d. out: planes of gridDim.y x rows; of streamed passes
// 2 gridDim.y x rows.
#define PASS(name, threads, blocks, ...)                                                                                               \
    extern "C" __global__ void __launch_bounds__(threads, blocks) sinkhorn_##name(                                                      \
        const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, float alpha,          \
        float beta, int finish, float *out, int rows, int count) {                                                                      \
        using namespace sinkhorn;                                                                                                       \
        tensor::__VA_ARGS__(x, y, ld, u, v, cx, cy, Cost{alpha, beta, finish}, out, rows, count);                                              \
    }
PASS(resident1_shift, 256, 2, resident<8, 1, shift>)
PASS(resident1_full, 256, 1, resident<8, 1, full>)
PASS(resident3_shift, 128, 3, resident<4, 3, shift>)
PASS(resident3_full, 128, 2, resident<4, 3, full>)
PASS(streamed1_shift, 256, 1, streamed<1, shift>)
PASS(streamed3_shift, 256, 1, streamed<3, shift>)
PASS(streamed3_full, 256, 1, streamed<3, full>)
#undef PASS

#endif
