// Passes over costs that are computed from points in more than 8 dimensions, in plain float32: for devices without tensor cores for
// TF32, and for sums of squared differences, which those do not make.
//
// A block of 256 threads owns 128 rows and walks over its part of the columns in tiles of 128; a thread owns 8 rows and 8 columns, 16
// apart, so that the reads of a quarter of a warp fall into different banks. Work per entry: d fused multiply-adds (2 d for differences)
// and 4 operations, 1/4 of a read of 16 bytes in shared memory per coordinate, one exponential. With 128 multiply-adds in a cycle and
// multiprocessor the limit is d/128 + 1/32 cycles an entry, above that of the exponentials, 1/16, from d = 8 on. The PTX has 277 instructions for
// 256 multiply-adds of products (533 for 512 operations of differences): .9 of the limit is to be expected, where two blocks hide each
// other's barriers. At the 128 registers of two blocks the loop over coordinates spills nothing; what ends a tile has up to 60 instructions for
// spills, once in d/4 turns of that loop.
#include "copy.cuh"
#include "sinkhorn_terms.cuh"

namespace sinkhorn {
namespace points {

constexpr int tile = 128, depth = 16, stride = depth + 4, each = 8, apart = 16;

enum Operation { product, difference };

// load starts copying 16 coordinates of a tile of rows and one of columns. x and y are where the first that this thread copies lie.
DEVICE_INLINE void load(shared_pointer to, const float *x, const float *y, int ld) {
#pragma unroll
    for (int q = 0; q < 4; q++) copy16_at(to, 64 * q * stride, (q < 2 ? x : y) + q % 2 * 64 * ld);
    copy_commit();
}

// multiply adds what 16 coordinates contribute to 8 x 8 products, or squares of differences.
template <int operation> DEVICE_INLINE void multiply(float (&p)[each][each], const float (*x)[stride], const float (*y)[stride]) {
#pragma unroll 1
    for (int k = 0; k < depth; k += 4) {
        float4 b[each];
#pragma unroll
        for (int c = 0; c < each; c++) b[c] = load4(&y[c * apart][k]);
#pragma unroll
        for (int r = 0; r < each; r++) {
            float4 a = load4(&x[r * apart][k]);
#pragma unroll
            for (int c = 0; c < each; c++) {
                if (operation == product) {
                    p[r][c] = fmaf(a.w, b[c].w, fmaf(a.z, b[c].z, fmaf(a.y, b[c].y, fmaf(a.x, b[c].x, p[r][c]))));
                } else {
                    float dx = a.x - b[c].x, dy = a.y - b[c].y, dz = a.z - b[c].z, dw = a.w - b[c].w;
                    p[r][c] = fmaf(dw, dw, fmaf(dz, dz, fmaf(dy, dy, fmaf(dx, dx, p[r][c]))));
                }
            }
        }
    }
}

// pass leaves the sums of a block's rows over its part of count tiles of columns.
template <int operation, int mode>
DEVICE_INLINE void pass(const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, Cost cost,
                        float *out, int rows, int count) {
    __shared__ __attribute__((aligned(16))) float held[2][2 * tile][stride];
    int tx = threadIdx.x % apart, ty = threadIdx.x / apart, i0 = blockIdx.x * tile;
    size_t own = (size_t)(threadIdx.x / 4) * ld + threadIdx.x % 4 * 4; // of the first point that this thread copies
    shared_pointer to = shared_address(&held[0][threadIdx.x / 4][threadIdx.x % 4 * 4]);
    x += (size_t)i0 * ld + own;
    int first = first_tile(count, blockIdx.y, gridDim.y), last = first_tile(count, blockIdx.y + 1, gridDim.y);
    int chunks = ld / depth, steps = (last - first) * chunks;
    Sum sums[each];
    float p[each][each];
#pragma unroll
    for (int r = 0; r < each; r++) {
        sums[r] = nothing();
#pragma unroll
        for (int c = 0; c < each; c++) p[r][c] = 0.f;
    }
    y += (size_t)first * tile * ld + own;
    if (steps > 0) load(to, x, y, ld);
    int chunk = 0, j0 = first * tile;
    for (int step = 0; step < steps; step++) {
        bool ends = chunk + 1 == chunks;
        if (step + 1 < steps) {
            if (ends) y += (size_t)tile * ld;
            int k = ends ? 0 : (chunk + 1) * depth;
            load(shared_at(to, (step + 1) % 2 * 2 * tile * stride), x + k, y + k, ld);
            copy_wait<1>();
        } else {
            copy_wait<0>();
        }
        __syncthreads();
        multiply<operation>(p, &held[step % 2][ty], &held[step % 2][tile + tx]);
        __syncthreads();
        if (!ends) {
            chunk++;
            continue;
        }
        float vj[each];
#pragma unroll
        for (int c = 0; c < each; c++) vj[c] = v[j0 + tx + c * apart];
#pragma unroll
        for (int r = 0; r < each; r++) {
            int i = i0 + ty + r * apart;
            float ui = u[i], z[each], costs[each];
            if (cost.finish != as_is) {
                float ci = cx[i];
#pragma unroll
                for (int c = 0; c < each; c++) p[r][c] = finished(cost, p[r][c], ci, cy[j0 + tx + c * apart]);
            }
#pragma unroll
            for (int c = 0; c < each; c++) {
                z[c] = fmaf(cost.alpha, p[r][c], ui + vj[c]);
                if (mode == full) costs[c] = cost_of(cost, p[r][c], cx[i], cy[j0 + tx + c * apart]);
                p[r][c] = 0.f;
            }
            add<mode>(sums[r], z, costs);
        }
        chunk = 0;
        j0 += tile;
    }
#pragma unroll
    for (int r = 0; r < each; r++) {
        Sum s = over_lanes<mode>(sums[r], apart);
        if (tx == 0) store<mode>(out, s, blockIdx.y, gridDim.y, rows, i0 + ty + r * apart);
    }
}

} // namespace points
} // namespace sinkhorn

// x, y: points, row-major with leading dimension ld, a multiple of 16, of zeros beyond d. out: planes of gridDim.y x rows.
#define PASS(operation, mode)                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256, 2) sinkhorn_points_##operation##_##mode(                                              \
        const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, float alpha,           \
        float beta, int finish, float *out, int rows, int count) {                                                                       \
        using namespace sinkhorn;                                                                                                        \
        points::pass<points::operation, mode>(x, y, ld, u, v, cx, cy, Cost{alpha, beta, finish}, out, rows, count);                      \
    }
PASS(product, shift)
PASS(product, full)
PASS(difference, shift)
PASS(difference, full)
#undef PASS
