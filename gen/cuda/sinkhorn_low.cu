// Passes over costs of points in at most 8 dimensions, by squared differences: no product cancels, and nothing but the exponentials and
// some operations beside them is to be done.
//
// A thread owns 4 rows, 128 apart, whose points are in registers; a block of 128 threads walks over its part of the columns in tiles of 128
// that it holds in shared memory, read by all threads of a warp at once. Work per entry: 2 d + 3 operations (subtract, multiply-add; add
// potentials, multiply-add, add to the sum) and one exponential; a root takes the unit of the exponentials once more. That unit's limit is
// 1/16 of a cycle an entry and multiprocessor, in which 8 instructions are issued. The PTX of the innermost loop has, all told, 6.9, 9.1, 10.9,
// 13.1 and 21.4 an entry in 1, 2, 3, 4 and 8 dimensions: what is to be expected is that limit, then .88, .73, .61 and .37 of it.
#include "sinkhorn_terms.cuh"

namespace sinkhorn {
namespace low {

constexpr int threads = 128, each = 4, tile = 128, few = 4;

// width is that of a packed column: its coordinates, its v, and zeros up to a multiple of 16 bytes.
template <int d> constexpr int width = (d + 4) / 4 * 4;

template <int d, int mode>
DEVICE_INLINE void pass(const float *x, const float *y, const float *u, Cost cost, float *out, int rows, int count) {
    constexpr int w = width<d>;
    __shared__ __attribute__((aligned(16))) float held[tile * w];
    int i0 = blockIdx.x * threads * each + threadIdx.x;
    float point[each][d], ui[each];
    Sum sums[each];
#pragma unroll
    for (int r = 0; r < each; r++) {
        int i = i0 + r * threads;
#pragma unroll
        for (int k = 0; k < d; k++) point[r][k] = x[(size_t)i * w + k];
        ui[r] = u[i];
        sums[r] = nothing();
    }
    int last = first_tile(count, blockIdx.y + 1, gridDim.y);
    for (int t = first_tile(count, blockIdx.y, gridDim.y); t < last; t++) {
        __syncthreads();
#pragma unroll
        for (int q = 0; q < w / 4; q++) {
            int at = 4 * (threadIdx.x + threads * q);
            store4(held + at, load4(y + (size_t)t * tile * w + at));
        }
        __syncthreads();
        Sum within[each];
#pragma unroll
        for (int r = 0; r < each; r++) within[r] = mode == shift ? nothing() : sums[r];
#pragma unroll 1
        for (int j = 0; j < tile; j += few) {
            float p[each][few], vj[few];
#pragma unroll
            for (int c = 0; c < few; c++) {
                float column[w];
#pragma unroll
                for (int k = 0; k < w; k += 4) {
                    float4 part = load4(held + (j + c) * w + k);
                    column[k] = part.x, column[k + 1] = part.y, column[k + 2] = part.z, column[k + 3] = part.w;
                }
                vj[c] = column[d];
#pragma unroll
                for (int r = 0; r < each; r++) {
                    float t = point[r][0] - column[0], sum = t * t;
#pragma unroll
                    for (int k = 1; k < d; k++) {
                        t = point[r][k] - column[k];
                        sum = fmaf(t, t, sum);
                    }
                    p[r][c] = sum;
                }
            }
            if (cost.finish == rooted) {
#pragma unroll
                for (int r = 0; r < each; r++)
#pragma unroll
                    for (int c = 0; c < few; c++) p[r][c] = sqrt_approx(p[r][c]);
            }
#pragma unroll
            for (int r = 0; r < each; r++) {
                float z[few], costs[few];
#pragma unroll
                for (int c = 0; c < few; c++) {
                    z[c] = fmaf(cost.alpha, p[r][c], ui[r] + vj[c]);
                    if (mode == full) costs[c] = cost.beta * p[r][c];
                }
                add<mode>(within[r], z, costs);
            }
        }
#pragma unroll
        for (int r = 0; r < each; r++) sums[r] = mode == shift ? joined<mode>(sums[r], within[r]) : within[r];
    }
#pragma unroll
    for (int r = 0; r < each; r++) store<mode>(out, sums[r], blockIdx.y, gridDim.y, rows, i0 + r * threads);
}

} // namespace low
} // namespace sinkhorn

// x, y: points packed to width(d) numbers; of y the one after the coordinates is v. out: planes of gridDim.y x rows.
#define PASS(d, mode)                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(128) sinkhorn_low##d##_##mode(                                                         \
        const float *x, const float *y, const float *u, float alpha, float beta, int finish, float *out, int rows, int count) {         \
        using namespace sinkhorn;                                                                                                       \
        low::pass<d, mode>(x, y, u, Cost{alpha, beta, finish}, out, rows, count);                                                       \
    }
PASS(1, shift)
PASS(2, shift)
PASS(3, shift)
PASS(4, shift)
PASS(8, shift)
PASS(1, full)
PASS(2, full)
PASS(3, full)
PASS(4, full)
PASS(8, full)
#undef PASS
