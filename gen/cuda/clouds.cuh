// What the kernels of package nn/clouds have in common: passes along the rows and the columns of a stack of matrices [problems, n, m] in
// memory, row-major and without gaps.
#pragma once
#include "double.cuh"
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace clouds {

using nn::Divisor;

constexpr int THREADS = 256;

// A Terms is what a pass sums up for each point of a side:
//
//     State start(), join(State, State), lane(State, int)   sums; lane is that of another lane
//     float own(int), partner(int), weight(int)             what a point, and what one of the other side, has in its entries
//     void take(State &, float own, const float (&partner)[unroll], weight, cost, const bool (&in)[unroll])
//     void leave(int at, State, int count)                  the sum of count entries is that of point at
constexpr int unroll = 4;

// Entries are unroll entries of a matrix, and what belongs to the points of the other side.
struct Entries {
  float cost[unroll], partner[unroll], weight[unroll];
  bool in[unroll];

  // read reads those from j on, step apart of each other and of m; at is the place of point 0 of the other side, stride that of entries.
  template <class Terms> __device__ __forceinline__ void read(const Terms &t, const float *c, int j, int step, int m, int at, int stride) {
#pragma unroll
    for (int q = 0; q < unroll; q++, j += step) {
      in[q] = j < m;
      cost[q] = in[q] ? c[(size_t)j * stride] : 0.f;
      partner[q] = in[q] ? t.partner(at + j) : 0.f;
      weight[q] = in[q] ? t.weight(at + j) : 0.f;
    }
  }
};

// rows: a warp owns a row; its lanes read runs of 128 bytes, four of them on their way at once. Blocks of THREADS, (n/8, problems) of them.
template <class Terms> DEVICE_INLINE void rows(const float *c, int n, int m, const Terms &t) {
  int lane = threadIdx.x % 32, i = blockIdx.x * (THREADS / 32) + threadIdx.x / 32, k = blockIdx.y;
  bool inside = i < n;
  typename Terms::State s = Terms::start();
  if (inside) {
    const float *row = c + ((size_t)k * n + i) * m;
    float own = t.own(k * n + i);
    Entries e;
    for (int j = lane; j < m; j += 32 * unroll) {
      e.read(t, row, j, 32, m, k * m, 1);
      t.take(s, own, e);
    }
  }
  for (int step = 16; step > 0; step /= 2) s = Terms::join(s, Terms::lane(s, step));
  if (inside && lane == 0) t.leave(k * n + i, s, m);
}

// columns: a block owns 32 columns, and each of its 16 warps every 16th row of them. Blocks of COLUMN_THREADS, (m/32, problems) of them.
constexpr int COLUMN_THREADS = 512, WARPS = COLUMN_THREADS / 32;

template <class Terms> DEVICE_INLINE void columns(const float *c, int n, int m, const Terms &t) {
  __shared__ typename Terms::State states[WARPS][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, j = blockIdx.x * 32 + lane, k = blockIdx.y;
  bool inside = j < m;
  typename Terms::State s = Terms::start();
  if (inside) {
    const float *column = c + (size_t)k * n * m + j;
    float own = t.own(k * m + j);
    Entries e;
    for (int i = warp; i < n; i += WARPS * unroll) {
      e.read(t, column, i, WARPS, n, k * n, m);
      t.take(s, own, e);
    }
  }
  states[warp][lane] = s;
  __syncthreads();
  if (!inside || warp > 0) return;
  for (int q = 1; q < WARPS; q++) s = Terms::join(s, states[q][lane]);
  t.leave(k * m + j, s, n);
}

// dot_of returns the sum of a_k b_k over a row to each lane of its warp.
DEVICE_INLINE float dot_of(const float *a, const float *b, int d) {
  float sum = 0.f;
  for (int k = threadIdx.x % 32; k < d; k += 32) sum = fmaf(a[k], b[k], sum);
  return warp_sum(sum);
}

// row_of_warp is the row that a warp has where each has one.
DEVICE_INLINE int row_of_warp() { return blockIdx.x * (THREADS / 32) + threadIdx.x / 32; }

} // namespace clouds

// CLOUDS_PASS makes the kernels clouds_name_rows and clouds_name_columns of a pass from CLOUDS_PARAMETERS(...) and the terms.
#define CLOUDS_PARAMETERS(...) __VA_ARGS__
#define CLOUDS_PASS(name, parameters, ...)                                                                                              \
  extern "C" __global__ void __launch_bounds__(256) clouds_##name##_rows(const float *c, int n, int m, parameters) {               \
    using namespace clouds;                                                                                                        \
    rows(c, n, m, __VA_ARGS__);                                                                                                    \
  }                                                                                                                                \
  extern "C" __global__ void __launch_bounds__(512) clouds_##name##_columns(const float *c, int n, int m, parameters) {            \
    using namespace clouds;                                                                                                        \
    columns(c, n, m, __VA_ARGS__);                                                                                                 \
  }
