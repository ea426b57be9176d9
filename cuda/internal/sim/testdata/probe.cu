// Kernels that try the shim.
#include "common.cuh"

namespace probe {
static __device__ int thread() { return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)); }
static __device__ int threads() { return int(blockDim.x * blockDim.y * blockDim.z); }
static __device__ int block() { return int(blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z)); }
} // namespace probe

// A block's numbers in reverse, through shared memory, as often as rounds says.
extern "C" __global__ void probe_reverse(int *x, int rounds) {
    DYNAMIC_SHARED(int, tile);
    int t = probe::thread(), n = probe::threads();
    int *mine = x + probe::block() * n;
    for (int r = 0; r < rounds; r++) {
        tile[t] = mine[t];
        __syncthreads();
        mine[t] = tile[n - 1 - t];
        __syncthreads();
    }
}

// out[mode] of each thread's number, mode being one of the shuffles.
extern "C" __global__ void probe_shuffle(double *out, const double *in, int mode, unsigned lane, int width) {
    int t = probe::thread() + probe::block() * probe::threads();
    double v = in[t];
    long long whole = (long long)v;
    switch (mode) {
    case 0: v = __shfl_sync(full_warp, v, lane, width); break;
    case 1: v = __shfl_up_sync(full_warp, v, lane, width); break;
    case 2: v = __shfl_down_sync(full_warp, v, lane, width); break;
    case 3: v = __shfl_xor_sync(full_warp, v, lane, width); break;
    case 4: v = double(__shfl_xor_sync(full_warp, int(v), lane, width)); break;
    case 5: v = double(__shfl_sync(full_warp, float(v), lane, width)); break;
    case 6: v = double(__shfl_down_sync(full_warp, unsigned(v), lane, width)); break;
    case 7: v = double(__shfl_up_sync(full_warp, whole, lane, width)); break;
    }
    out[t] = v;
}

// The votes of the lanes that mask names, on whether their number is odd; the others do not vote.
extern "C" __global__ void probe_vote(unsigned *out, const int *in, unsigned mask) {
    int t = probe::thread() + probe::block() * probe::threads();
    out[3 * t] = out[3 * t + 1] = out[3 * t + 2] = 0;
    if (mask >> (probe::thread() % 32) & 1) {
        out[3 * t] = __ballot_sync(mask, in[t] & 1);
        out[3 * t + 1] = unsigned(__any_sync(mask, in[t] & 1));
        out[3 * t + 2] = unsigned(__all_sync(mask, in[t] & 1));
    }
}

// The sum of each block's numbers, by warps and then over them.
extern "C" __global__ void probe_sum(float *out, const float *in) {
    __shared__ float partial[32];
    int t = probe::thread(), n = probe::threads();
    float v = warp_sum(in[t + probe::block() * n]);
    if (t % 32 == 0) partial[t / 32] = v;
    __syncthreads();
    if (t < 32) {
        v = warp_sum(t < (n + 31) / 32 ? partial[t] : 0.f);
        if (t == 0) out[probe::block()] = v;
    }
}

extern "C" __global__ void probe_count(int *count, float *sum, double *wide, int *most) {
    atomicAdd(count, 1);
    atomicAdd(sum, 1.f);
    atomicAdd(wide, .5);
    atomicMax(most, probe::thread() + probe::block());
}

extern "C" __global__ void probe_indices(unsigned *out) {
    unsigned *mine = out + 6 * (probe::thread() + probe::block() * probe::threads());
    mine[0] = threadIdx.x, mine[1] = threadIdx.y, mine[2] = threadIdx.z;
    mine[3] = blockIdx.x, mine[4] = blockIdx.y, mine[5] = blockIdx.z;
}

// What shared memory has where nothing was written; something is in the second block of two.
extern "C" __global__ void probe_unwritten(float *out, int blocks) {
    __shared__ float tile[64];
    DYNAMIC_SHARED(float, more);
    if (blocks == 2 && blockIdx.x == 0) {
        tile[threadIdx.x] = more[threadIdx.x] = 1;
        return;
    }
    out[2 * threadIdx.x] = tile[threadIdx.x];
    out[2 * threadIdx.x + 1] = more[threadIdx.x];
}

// A kernel with a race: a barrier is missing between the write and the read of a neighbour's.
extern "C" __global__ void probe_race(int *out) {
    __shared__ int tile[64];
    tile[threadIdx.x] = int(threadIdx.x);
    out[threadIdx.x] = tile[(threadIdx.x + 1) % blockDim.x];
}

// Faults, one a mode.
extern "C" __global__ void probe_fault(float *x, int n, int mode, int zero) {
    __shared__ float tile[8];
    DYNAMIC_SHARED(float, more);
    int t = int(threadIdx.x);
    switch (mode) {
    case 0: x[0] = x[n + t]; break;
    case 1: x[n] = 1; break;
    case 2: x[-1] = 1; break; // found when the device is synchronised
    case 3: tile[t] = 1; break;
    case 4: store4(x + 1, make_float4(0, 0, 0, 0)); break;
    case 5:
        if (t > 0) __syncthreads();
        break;
    case 6:
        if (t % 2 == 0)
            __syncthreads();
        else
            __syncwarp();
        break;
    case 7: x[0] = __shfl_xor_sync(full_warp, x[0], 31); break; // of a block that does not fill a warp
    case 8:
        if (t < 4) x[0] = __shfl_sync(full_warp, x[0], 0);
        break;
    case 9: x[0] = __shfl_sync(0xf0u, x[0], 0); break;
    case 10: x[0] = float(n / zero); break;
    case 11: more[n + 1] = x[0]; break;
    case 12: __builtin_trap();
    case 13: *reinterpret_cast<float *>(long(zero)) = 1; break;
    }
}
