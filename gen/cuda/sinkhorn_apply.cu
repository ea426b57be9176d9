// Products of a plan with vectors, which it never leaves shared memory for: with e_ij the exponentials of a pass,
//
//     out_i = sum_j e_ij V_j          sums_i = sum_j e_ij
//
// and for gradients with e_ij over the distance, 0 where that is 0. A block of 256 threads owns 64 rows and up to 64 coordinates of V, and
// walks over its part of the columns in tiles of 64; a thread owns 4 x 4 entries of e, then 4 x 4 of the result. Work per entry: as much as
// a pass, and a multiply-add for each coordinate of V; every 64 of those form e anew.
#include "copy.cuh"
#include "sinkhorn_terms.cuh"
#include "sinkhorn_tensor.cuh"

namespace sinkhorn {
namespace apply {

constexpr int tile = 64, depth = 16, each = 4, apart = 16, stride = tile + 4;

enum { points, differences, stored };

// Shared memory of a block.
struct Held {
    __attribute__((aligned(16))) float x[tile][depth + 4], y[tile][depth + 4], e[tile][stride], v[tile][tile];
};

// products sets p to those of 4 x 4 entries from row i0 and column j0 on. n and m are where rows and columns of a stored cost end.
template <int source>
DEVICE_INLINE void products(float (&p)[each][each], Held &held, const float *x, const float *y, long long down, long long right, int d, int i0,
                            int j0, int n, int m) {
    int tx = threadIdx.x % apart, ty = threadIdx.x / apart;
    if (source == stored) {
        for (int at = threadIdx.x; at < tile * tile; at += 256) {
            int slow = at / tile, fast = at % tile, r = right == 1 ? slow : fast, c = right == 1 ? fast : slow;
            held.e[r][c] = i0 + r < n && j0 + c < m ? x[(i0 + r) * down + (j0 + c) * right] : 0.f;
        }
        __syncthreads();
#pragma unroll
        for (int r = 0; r < each; r++)
#pragma unroll
            for (int c = 0; c < each; c++) p[r][c] = held.e[ty + r * apart][tx + c * apart];
        return;
    }
#pragma unroll
    for (int r = 0; r < each; r++)
#pragma unroll
        for (int c = 0; c < each; c++) p[r][c] = 0.f;
    for (int k0 = 0; k0 < d; k0 += depth) {
        for (int at = threadIdx.x; at < tile * depth; at += 256) {
            int row = at / depth, k = at % depth;
            held.x[row][k] = k0 + k < d ? x[(i0 + row) * down + k0 + k] : 0.f;
            held.y[row][k] = k0 + k < d ? y[(j0 + row) * right + k0 + k] : 0.f;
        }
        __syncthreads();
#pragma unroll
        for (int k = 0; k < depth; k += 4) {
            float4 b[each];
#pragma unroll
            for (int c = 0; c < each; c++) b[c] = load4(&held.y[tx + c * apart][k]);
#pragma unroll
            for (int r = 0; r < each; r++) {
                float4 a = load4(&held.x[ty + r * apart][k]);
#pragma unroll
                for (int c = 0; c < each; c++) {
                    if (source == points) {
                        p[r][c] = fmaf(a.w, b[c].w, fmaf(a.z, b[c].z, fmaf(a.y, b[c].y, fmaf(a.x, b[c].x, p[r][c]))));
                    } else {
                        float dx = a.x - b[c].x, dy = a.y - b[c].y, dz = a.z - b[c].z, dw = a.w - b[c].w;
                        p[r][c] = fmaf(dw, dw, fmaf(dz, dz, fmaf(dy, dy, fmaf(dx, dx, p[r][c]))));
                    }
                }
            }
        }
        __syncthreads();
    }
}

template <int source>
DEVICE_INLINE void run(const float *x, const float *y, long long down, long long right, int d, const float *u, const float *v, const float *cx,
                       const float *cy, Cost cost, int over, const float *vectors, int ldv, float *out, float *sums, int rows, int n, int m) {
    __shared__ Held held;
    int tx = threadIdx.x % apart, ty = threadIdx.x / apart, i0 = blockIdx.x * tile, k0 = blockIdx.z * tile, wide = min(tile, ldv - k0);
    int count = (m + tile - 1) / tile, last = first_tile(count, blockIdx.y + 1, gridDim.y);
    float acc[each][each], row[each];
#pragma unroll
    for (int r = 0; r < each; r++) {
        row[r] = 0.f;
#pragma unroll
        for (int c = 0; c < each; c++) acc[r][c] = 0.f;
    }
    for (int t = first_tile(count, blockIdx.y, gridDim.y); t < last; t++) {
        int j0 = t * tile;
        float p[each][each];
        for (int at = threadIdx.x * 4; at < tile * tile; at += 1024) {
            int j = at / tile, k = at % tile;
            store4(&held.v[j][k], k < wide ? load4(vectors + (size_t)(j0 + j) * ldv + k0 + k) : make_float4(0.f, 0.f, 0.f, 0.f));
        }
        products<source>(p, held, x, y, down, right, d, i0, j0, n, m);
#pragma unroll
        for (int r = 0; r < each; r++) {
            int i = i0 + ty + r * apart;
            float few = 0.f;
#pragma unroll
            for (int c = 0; c < each; c++) {
                int j = j0 + tx + c * apart;
                float q = finished(cost, p[r][c], cx[i], cy[j]), e = exp2_approx(fmaf(cost.alpha, q, u[i] + v[j]));
                if (over) e = q > 0.f ? e * reciprocal_approx(q) : 0.f;
                few += e;
                held.e[ty + r * apart][tx + c * apart] = e;
            }
            row[r] += few;
        }
        __syncthreads();
#pragma unroll 2
        for (int j = 0; j < tile; j += 4) {
            float4 b[4];
#pragma unroll
            for (int q = 0; q < 4; q++) b[q] = load4(&held.v[j + q][tx * 4]);
#pragma unroll
            for (int r = 0; r < each; r++) {
                float4 a = load4(&held.e[ty + r * apart][j]);
                float e[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
                for (int q = 0; q < 4; q++) {
                    acc[r][0] = fmaf(e[q], b[q].x, acc[r][0]);
                    acc[r][1] = fmaf(e[q], b[q].y, acc[r][1]);
                    acc[r][2] = fmaf(e[q], b[q].z, acc[r][2]);
                    acc[r][3] = fmaf(e[q], b[q].w, acc[r][3]);
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int r = 0; r < each; r++) {
        int i = i0 + ty + r * apart;
        if (tx * 4 < wide) {
            size_t at = ((size_t)blockIdx.y * rows + i) * ldv + k0 + tx * 4;
            store4(out + at, make_float4(acc[r][0], acc[r][1], acc[r][2], acc[r][3]));
        }
        Sum s = over_lanes<shift>(Sum{row[r], 0.f, 0.f}, apart);
        if (tx == 0 && blockIdx.z == 0) sums[(size_t)blockIdx.y * rows + i] = s.sum;
    }
}

} // namespace apply

#ifdef HAVE_TF32
namespace tensor {

// weighed is run on tensor cores, for points in at most 64 dimensions: 4 warps own 128 rows, and a warp's exponentials are operands where they
// stand, column 2t as place t and 2t+1 as place t+4 of a call of mma, of which the rows of V are the other. Work per entry beside that of a
// pass: 64/1024 cycles of the tensor cores of a multiprocessor for a term and 64 coordinates of V, and the splitting of e.
// Shared memory: (128 + 128) ld + 2 x 64 x 68 numbers.
template <int terms>
DEVICE_INLINE void weighed(const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, Cost cost,
                           int over, const float *vectors, int ldv, float *out, float *sums, int rows, int count) {
    constexpr int threads = 128, tall = 128, stride = wide + 4;
    DYNAMIC_SHARED(float, held);
    int chunks = ld / depth, warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, i0 = blockIdx.x * tall, i = i0 + warp * high;
    int k0 = blockIdx.z * wide, blocks = min(across, (ldv - k0) / 8);
    float *columns = held + tall * ld, *v_held = columns + 2 * wide * ld;
    int tile = first_tile(count, blockIdx.y, gridDim.y), last = first_tile(count, blockIdx.y + 1, gridDim.y);
    float row[down][2] = {};
    Products acc, total;
    clear(acc);
    clear(total);
    auto fetch = [&](int next, int turn) {
        load<threads>(columns + turn * wide * ld, wide, y + (size_t)next * wide * ld, ld, wide, chunks);
        for (int at = threadIdx.x; at < wide * blocks * 2; at += threads) {
            int j = at / (blocks * 2), k = at % (blocks * 2) * 4;
            copy16(v_held + turn * wide * stride + j * stride + k, vectors + (size_t)(next * wide + j) * ldv + k0 + k);
        }
        copy_commit();
    };
    if (tile < last) {
        load<threads>(held, tall, x + (size_t)i0 * ld, ld, tall, chunks);
        fetch(tile, 0);
    }
    for (int turn = 0; tile < last; tile++, turn ^= 1) {
        Products p;
        tile_products<terms>(p, tile + 1 < last, [&] { fetch(tile + 1, turn ^ 1); }, held, tall, warp * high, columns, turn, chunks);
        finish(p, cost, cx, cy, i, tile * wide);
#pragma unroll
        for (int a = 0; a < down; a++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float ui = u[i + a * 16 + half * 8 + g], few = 0.f;
#pragma unroll
                for (int b = 0; b < across; b++)
#pragma unroll
                    for (int k = 0; k < 2; k++) {
                        float &q = p[a][b][2 * half + k];
                        float e = exp2_approx(fmaf(cost.alpha, q, ui + v[tile * wide + b * 8 + 2 * t + k]));
                        if (over) e = q > 0.f ? e * reciprocal_approx(q) : 0.f;
                        few += e;
                        q = e;
                    }
                row[a][half] += few;
            }
        const float *from = v_held + turn * wide * stride + 2 * t * stride + g;
#pragma unroll
        for (int b = 0; b < across; b++) {
            unsigned ah[down][4], al[down][4];
#pragma unroll
            for (int a = 0; a < down; a++)
#pragma unroll
                for (int k = 0; k < 4; k++) { // places of an operand: (g, t), (g+8, t), (g, t+4), (g+8, t+4)
                    float e = p[a][b][k / 2 + k % 2 * 2];
                    ah[a][k] = tf32_high(e), al[a][k] = terms == 1 ? 0u : tf32_low(e, ah[a][k]);
                }
#pragma unroll
            for (int q = 0; q < across; q++) {
                if (q >= blocks) break;
                float v0 = from[b * 8 * stride + q * 8], v1 = from[(b * 8 + 1) * stride + q * 8];
                unsigned h0 = tf32_high(v0), h1 = tf32_high(v1);
#pragma unroll
                for (int a = 0; a < down; a++) {
                    if (terms == 3) {
                        mma_tf32(acc[a][q], al[a], h0, h1);
                        mma_tf32(acc[a][q], ah[a], tf32_low(v0, h0), tf32_low(v1, h1));
                    }
                    mma_tf32(acc[a][q], ah[a], h0, h1);
                }
            }
        }
        __syncthreads();
        if (terms == 3) take(total, acc);
    }
    Products &result = terms == 3 ? total : acc;
#pragma unroll
    for (int a = 0; a < down; a++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int r = i + a * 16 + half * 8 + g;
            float *to = out + ((size_t)blockIdx.y * rows + r) * ldv + k0 + 2 * t;
#pragma unroll
            for (int q = 0; q < across; q++) {
                if (q >= blocks) break;
                to[q * 8] = result[a][q][2 * half], to[q * 8 + 1] = result[a][q][2 * half + 1];
            }
            Sum s = over_lanes<shift>(Sum{row[a][half], 0.f, 0.f}, 4);
            if (t == 0 && blockIdx.z == 0) sums[(size_t)blockIdx.y * rows + r] = s.sum;
        }
}

} // namespace tensor
#endif

} // namespace sinkhorn

// x, y: points, down and right numbers apart, of d coordinates; a stored cost is x alone, of entries down and right apart. over: whether
// exponentials are divided by distances. vectors: those of the columns, of leading dimension ldv, a multiple of 8, with zeros for those
// that fill up the last tile. out: gridDim.y x rows x ldv. sums: gridDim.y x rows. rows: with those that fill up the last tile.
#define APPLY(source)                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(256) sinkhorn_apply_##source(                                                            \
        const float *x, const float *y, long long down, long long right, int d, const float *u, const float *v, const float *cx,          \
        const float *cy, float alpha, float beta, int finish, int over, const float *vectors, int ldv, float *out, float *sums, int rows, \
        int n, int m) {                                                                                                                   \
        using namespace sinkhorn;                                                                                                         \
        apply::run<apply::source>(x, y, down, right, d, u, v, cx, cy, Cost{alpha, beta, finish}, over, vectors, ldv, out, sums, rows, n, m); \
    }
APPLY(points)
APPLY(differences)
APPLY(stored)
#undef APPLY

#ifdef HAVE_TF32
#define APPLY(terms)                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(128, 2) sinkhorn_apply_tensor##terms(                                                    \
        const float *x, const float *y, int ld, const float *u, const float *v, const float *cx, const float *cy, float alpha,            \
        float beta, int finish, int over, const float *vectors, int ldv, float *out, float *sums, int rows, int count) {                  \
        using namespace sinkhorn;                                                                                                         \
        tensor::weighed<terms>(x, y, ld, u, v, cx, cy, Cost{alpha, beta, finish}, over, vectors, ldv, out, sums, rows, count);            \
    }
APPLY(1)
APPLY(3)
#undef APPLY
#endif

// sinkhorn_combine joins the parts of what was applied:
//
//     dst_ik = w_i (a sums_i x_ik + b out_ik)
//
// for i < n and k < d, dst of leading dimension d, and x of ldx, which is not read where a is 0.
extern "C" __global__ void __launch_bounds__(256) sinkhorn_combine(float *dst, int n, int d, const double *weight, const float *out, int ldv,
                                                                   const float *sums, int parts, int rows, const float *x, int ldx, double a,
                                                                   double b) {
    long long at = (long long)blockIdx.x * 256 + threadIdx.x;
    if (at >= (long long)n * d) return;
    int i = int(at / d), k = int(at % d);
    double sum = 0, all = 0;
    for (int p = 0; p < parts; p++) {
        sum += out[((size_t)p * rows + i) * ldv + k];
        if (a != 0) all += sums[(size_t)p * rows + i];
    }
    sum *= b;
    if (a != 0) sum = fma(a * all, double(x[(size_t)i * ldx + k]), sum);
    dst[at] = float(weight[i] * sum);
}
