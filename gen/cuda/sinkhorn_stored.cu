// Passes over a cost matrix in memory, row-major with a leading dimension that is a multiple of 4, along its rows and along its columns,
// both of which read it in runs of 512 bytes a warp. Columns beyond the matrix are v = -Inf, and rows u = -Inf, whatever stands there.
//
// Work per entry: 4 bytes, 3 operations, one exponential. At 4.3 TB/s, 132 multiprocessors and 1.8 GHz, 4.5 entries can be read in
// a cycle and multiprocessor where 16 exponentials are made: memory binds, unless the matrix stays in the cache of the device.
#include "sinkhorn_terms.cuh"

namespace sinkhorn {
namespace stored {

// A block of 8 warps owns 32 rows, 4 a warp, which share what is read of v; tiles are of 128 columns, 4 a lane.
constexpr int warps = 8, each = 4, tile = 128;

template <int mode>
DEVICE_INLINE void rows(const float *c, int ld, const float *u, const float *v, float alpha, float *out, int height, int n, int count) {
    int lane = threadIdx.x % 32, i0 = (blockIdx.x * warps + threadIdx.x / 32) * each;
    int last = first_tile(count, blockIdx.y + 1, gridDim.y);
    Sum sums[each];
    float ui[each];
    const float *from[each];
#pragma unroll
    for (int r = 0; r < each; r++) {
        sums[r] = nothing();
        ui[r] = u[i0 + r];
        from[r] = c + (size_t)min(i0 + r, n - 1) * ld + 4 * lane;
    }
    for (int t = first_tile(count, blockIdx.y, gridDim.y); t < last; t++) {
        int j = t * tile;
        if (j + 4 * lane >= ld) continue; // v is -Inf there
        float4 w = load4(v + j + 4 * lane);
        float vj[4] = {w.x, w.y, w.z, w.w};
        float4 read[each];
#pragma unroll
        for (int r = 0; r < each; r++) read[r] = load4(from[r] + j);
#pragma unroll
        for (int r = 0; r < each; r++) {
            float cost[4] = {read[r].x, read[r].y, read[r].z, read[r].w}, z[4];
#pragma unroll
            for (int k = 0; k < 4; k++) z[k] = fmaf(alpha, cost[k], ui[r] + vj[k]);
            add<mode>(sums[r], z, cost);
        }
    }
#pragma unroll
    for (int r = 0; r < each; r++) {
        Sum s = over_lanes<mode>(sums[r], 32);
        if (lane == 0) store<mode>(out, s, blockIdx.y, gridDim.y, height, i0 + r);
    }
}

// A block of 128 threads owns 512 columns, 4 a thread, and a part of the rows, which it takes 4 at a time.
template <int mode>
DEVICE_INLINE void columns(const float *c, int ld, const float *u, const float *v, float alpha, float *out, int width, int n) {
    int j = (blockIdx.x * 128 + threadIdx.x) * 4;
    int i = first_tile(n, blockIdx.y, gridDim.y), last = first_tile(n, blockIdx.y + 1, gridDim.y);
    Sum sums[4];
#pragma unroll
    for (int k = 0; k < 4; k++) sums[k] = nothing();
    if (j < ld) {
        float4 w = load4(u + j);
        float uj[4] = {w.x, w.y, w.z, w.w};
        for (; i < last; i += each) {
            float4 read[each];
            float vi[each];
#pragma unroll
            for (int r = 0; r < each; r++) {
                read[r] = load4(c + (size_t)min(i + r, last - 1) * ld + j);
                vi[r] = i + r < last ? v[i + r] : -__builtin_inff();
            }
#pragma unroll
            for (int k = 0; k < 4; k++) {
                float z[each], cost[each];
#pragma unroll
                for (int r = 0; r < each; r++) {
                    cost[r] = k == 0 ? read[r].x : k == 1 ? read[r].y : k == 2 ? read[r].z : read[r].w;
                    z[r] = fmaf(alpha, cost[r], uj[k] + vi[r]);
                }
                add<mode>(sums[k], z, cost);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < 4; k++) store<mode>(out, sums[k], blockIdx.y, gridDim.y, width, j + k);
}

} // namespace stored
} // namespace sinkhorn

// c: n x ld. u of the sums, v of what is summed. height, width: of the planes of out.
#define PASS(mode)                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(256) sinkhorn_rows_##mode(const float *c, int ld, const float *u, const float *v,      \
                                                                           float alpha, float *out, int height, int n, int count) {     \
        sinkhorn::stored::rows<sinkhorn::mode>(c, ld, u, v, alpha, out, height, n, count);                                              \
    }                                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(128) sinkhorn_columns_##mode(const float *c, int ld, const float *u, const float *v,   \
                                                                              float alpha, float *out, int width, int n) {              \
        sinkhorn::stored::columns<sinkhorn::mode>(c, ld, u, v, alpha, out, width, n);                                                   \
    }
PASS(shift)
PASS(full)
#undef PASS
