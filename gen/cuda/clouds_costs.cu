// Costs between points, and what derivatives by them mean for the points; see package nn/clouds. In some dimensions costs come from the inner
// products of gemm.cu, and are finished here.
#include "clouds.cuh"

#pragma clang fp contract(off)

namespace clouds {

// A Ground is scale |x-y|^power, 1 - <u,v> of directions, or -<x,y>.
enum Ground { radial, cosine, dot };

DEVICE_INLINE float distance(float q, float scale, float power) {
  if (q != q) return q;
  if (!(q > 0.f)) return 0.f;
  if (power == 2.f) return scale * q;
  if (power == 1.f) return scale * sqrtf(q);
  return scale * nn::expo(.5f * power * nn::logarithm(q));
}

// A tile of 64 x 64 sums over the coordinates of f(x_ik - y_jk), which a thread has 4 x 4 of. Work per entry and coordinate: an addition and
// a multiplication with another, half a load from shared memory.
constexpr int SIDE = 64, DEPTH = 16, EACH = 4;

template <class F, class G> DEVICE_INLINE void differences(float *c, const float *x, const float *y, int n, int m, int d, int same, F add, G finish) {
  __shared__ float xs[DEPTH][SIDE + 4], ys[DEPTH][SIDE + 4];
  int i0 = blockIdx.y * SIDE, j0 = blockIdx.x * SIDE, down = threadIdx.x / 16, across = threadIdx.x % 16;
  float sum[EACH][EACH];
#pragma unroll
  for (int q = 0; q < EACH; q++)
#pragma unroll
    for (int p = 0; p < EACH; p++) sum[q][p] = 0.f;
  for (int k0 = 0; k0 < d; k0 += DEPTH) {
    for (int e = threadIdx.x; e < SIDE * DEPTH; e += THREADS) {
      int r = e / DEPTH, k = e % DEPTH;
      xs[k][r] = i0 + r < n && k0 + k < d ? x[(size_t)(i0 + r) * d + k0 + k] : 0.f;
      ys[k][r] = j0 + r < m && k0 + k < d ? y[(size_t)(j0 + r) * d + k0 + k] : 0.f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      float4 a = load4(&xs[k][EACH * down]), b = load4(&ys[k][EACH * across]);
      float xi[EACH] = {a.x, a.y, a.z, a.w}, yj[EACH] = {b.x, b.y, b.z, b.w};
#pragma unroll
      for (int q = 0; q < EACH; q++)
#pragma unroll
        for (int p = 0; p < EACH; p++) add(sum[q][p], xi[q] - yj[p]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int q = 0; q < EACH; q++)
#pragma unroll
    for (int p = 0; p < EACH; p++) {
      int i = i0 + EACH * down + q, j = j0 + EACH * across + p;
      if (i < n && j < m) c[(size_t)i * m + j] = same && i == j ? 0.f : finish(sum[q][p]);
    }
}

// The sums of rows and columns.
struct Total {
  float *sums;

  using State = float;
  static __device__ __forceinline__ State start() { return 0.f; }
  static __device__ __forceinline__ State join(State a, State b) { return a + b; }
  static __device__ __forceinline__ State lane(State s, int step) { return __shfl_xor_sync(full_warp, s, step); }
  __device__ __forceinline__ float own(int) const { return 0.f; }
  __device__ __forceinline__ float partner(int) const { return 0.f; }
  __device__ __forceinline__ float weight(int) const { return 0.f; }
  __device__ __forceinline__ void take(State &s, float, const Entries &e) const { s += (e.cost[0] + e.cost[1]) + (e.cost[2] + e.cost[3]); }
  __device__ __forceinline__ void leave(int at, State s, int) const { sums[at] = s; }
};

// block_total leaves the sum of what the threads have in double at p.
DEVICE_INLINE void block_total(double *p, double sum) {
  __shared__ double held[THREADS];
  sum = nn::block_sum<THREADS>(sum, held);
  if (threadIdx.x == 0) *p = sum;
}

} // namespace clouds

CLOUDS_PASS(total, CLOUDS_PARAMETERS(float *sums), Total{sums})

// c_ij = scale |x_i - y_j|^power by differences; same: the diagonal is 0.
extern "C" __global__ void __launch_bounds__(256)
    clouds_squares(float *c, const float *x, const float *y, float scale, float power, int n, int m, int d, int same) {
  clouds::differences(c, x, y, n, m, d, same, [](float &s, float t) { s = fmaf(t, t, s); }, [=](float q) { return clouds::distance(q, scale, power); });
}

// c_ij = sum_k |x_ik - y_jk|.
extern "C" __global__ void __launch_bounds__(256) clouds_manhattan(float *c, const float *x, const float *y, int n, int m, int d, int same) {
  clouds::differences(c, x, y, n, m, d, same, [](float &s, float t) { s += fabsf(t); }, [](float q) { return q; });
}

// c_ij = the cost, of <x_i, y_j> in c and, where it is radial, the squared norms.
extern "C" __global__ void clouds_finish(float *c, const float *nx, const float *ny, int ground, float scale, float power, int n, int m, int same) {
  using namespace clouds;
  int at = blockIdx.x * THREADS + threadIdx.x;
  if (at >= n * m) return;
  int i = Divisor(m).quotient(at), j = at - i * m;
  float v = c[at];
  switch (ground) {
  case radial: v = distance((nx[i] + ny[j]) - 2.f * v, scale, power); break;
  case cosine: v = 1.f - v; break;
  default: v = -v;
  }
  c[at] = same && i == j ? 0.f : v;
}

// norms_i = |x_i|^2.
extern "C" __global__ void clouds_norms(float *norms, const float *x, int n, int d) {
  using namespace clouds;
  int i = row_of_warp();
  const float *row = x + (size_t)min(i, n - 1) * d;
  float q = dot_of(row, row, d);
  if (i < n && threadIdx.x % 32 == 0) norms[i] = q;
}

// u_i = x_i/|x_i|, and length_i = |x_i|; a row of zeros stays one.
extern "C" __global__ void clouds_directions(float *u, float *length, const float *x, int n, int d) {
  using namespace clouds;
  int i = row_of_warp();
  const float *row = x + (size_t)min(i, n - 1) * d;
  float size = sqrtf(dot_of(row, row, d));
  if (i >= n) return;
  if (threadIdx.x % 32 == 0) length[i] = size;
  float by = size > 0.f ? 1.f / size : 1.f;
  for (int k = threadIdx.x % 32; k < d; k += 32) u[(size_t)i * d + k] = by * row[k];
}

// dx_i += (g_i - <g_i,u_i> u_i)/|x_i| where the length is positive.
extern "C" __global__ void clouds_add_tangents(float *dx, const float *g, const float *u, const float *length, int n, int d) {
  using namespace clouds;
  int i = row_of_warp();
  size_t at = (size_t)min(i, n - 1) * d;
  float along = dot_of(g + at, u + at, d);
  if (i >= n || !(length[i] > 0.f)) return;
  float by = 1.f / length[i];
  for (int k = threadIdx.x % 32; k < d; k += 32) dx[at + k] += by * (g[at + k] - along * u[at + k]);
}

// dx_i += alpha sums_i x_i.
extern "C" __global__ void clouds_add_rows(float *dx, const float *sums, const float *x, float alpha, int d, int size) {
  using namespace clouds;
  int at = blockIdx.x * THREADS + threadIdx.x;
  if (at < size) dx[at] = fmaf(alpha * sums[Divisor(d).quotient(at)], x[at], dx[at]);
}

// w becomes the derivative by |x-y|^2/2 of what it is by costs c = |x-y|^power: power |x-y|^(power-2), 0 where the points are equal.
extern "C" __global__ void clouds_slopes(float *w, const float *c, float power, int size) {
  using namespace clouds;
  int at = blockIdx.x * THREADS + threadIdx.x;
  if (at >= size) return;
  float v = c[at];
  if (v <= 0.f)
    w[at] = 0.f;
  else
    w[at] *= power == 1.f ? 1.f / v : power * nn::expo((power - 2.f) / power * nn::logarithm(v));
}

// w, n x n, becomes the sum of itself and its transpose, without a diagonal. A block has a pair of tiles of 32 x 32 that mirror each other.
extern "C" __global__ void __launch_bounds__(256) clouds_symmetrise(float *w, int n) {
  __shared__ float below[32][33], above[32][33];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, i0 = blockIdx.y * 32, j0 = blockIdx.x * 32;
  if (i0 < j0) return;
  for (int r = warp; r < 32; r += 8) {
    below[r][lane] = i0 + r < n && j0 + lane < n ? w[(size_t)(i0 + r) * n + j0 + lane] : 0.f;
    above[r][lane] = j0 + r < n && i0 + lane < n ? w[(size_t)(j0 + r) * n + i0 + lane] : 0.f;
  }
  __syncthreads();
  for (int r = warp; r < 32; r += 8) {
    if (i0 + r < n && j0 + lane < n) w[(size_t)(i0 + r) * n + j0 + lane] = i0 + r == j0 + lane ? 0.f : below[r][lane] + above[lane][r];
    if (i0 > j0 && j0 + r < n && i0 + lane < n) w[(size_t)(j0 + r) * n + i0 + lane] = above[r][lane] + below[lane][r];
  }
}

// dx_ik += alpha sum_j w_ij sign(x_ik - y_jk), the entries of w down i + right j apart. A thread has a coordinate of eight points, which share
// what is read of y. Work per sum: a load, four operations.
extern "C" __global__ void __launch_bounds__(256)
    clouds_add_signs(float *dx, const float *w, const float *x, const float *y, float alpha, int down, int right, int n, int m, int d) {
  using namespace clouds;
  constexpr int each = 8;
  int k = blockIdx.x * THREADS + threadIdx.x, i0 = blockIdx.y * each;
  if (k >= d) return;
  float xi[each], sum[each];
  const float *wi[each];
#pragma unroll
  for (int q = 0; q < each; q++) {
    int i = min(i0 + q, n - 1);
    xi[q] = x[(size_t)i * d + k];
    sum[q] = 0.f;
    wi[q] = w + (size_t)i * down;
  }
  for (int j = 0; j < m; j++) {
    float v = y[(size_t)j * d + k];
#pragma unroll
    for (int q = 0; q < each; q++) {
      float t = xi[q] - v, by = wi[q][(size_t)j * right];
      sum[q] += t > 0.f ? by : t < 0.f ? -by : 0.f;
    }
  }
#pragma unroll
  for (int q = 0; q < each; q++)
    if (i0 + q < n) dx[(size_t)(i0 + q) * d + k] += alpha * sum[q];
}

// partial[k parts + p] = the sum of part p of the size elements of problem k; blocks are (parts, problems).
extern "C" __global__ void __launch_bounds__(256) clouds_sum(double *partial, const float *c, int size) {
  using namespace clouds;
  const float *own = c + (size_t)blockIdx.y * size;
  double sum = 0;
  for (int at = blockIdx.x * THREADS + threadIdx.x; at < size; at += gridDim.x * THREADS) sum += own[at];
  block_total(partial + blockIdx.y * gridDim.x + blockIdx.x, sum);
}

// sums[k] = scale times the sum of the parts of problem k, one block.
extern "C" __global__ void clouds_join(double *sums, const double *partial, double scale, int parts, int problems) {
  int k = blockIdx.x * clouds::THREADS + threadIdx.x;
  if (k >= problems) return;
  double sum = 0;
  for (int p = 0; p < parts; p++) sum += partial[k * parts + p];
  sums[k] = scale * sum;
}

// The sums of a kernel of squared distances, as clouds_sum has those of costs; distances become slopes by half of themselves.
template <class F> DEVICE_INLINE void similarity(double *partial, float *c, int size, F kernel) {
  using namespace clouds;
  float *own = c + (size_t)blockIdx.y * size;
  double sum = 0;
  for (int at = blockIdx.x * THREADS + threadIdx.x; at < size; at += gridDim.x * THREADS) {
    float slope = 0.f;
    sum += kernel(own[at], slope);
    own[at] = slope;
  }
  block_total(partial + blockIdx.y * gridDim.x + blockIdx.x, sum);
}

// sum_s exp(-q/(2 s^2)), s running over count bandwidths.
extern "C" __global__ void __launch_bounds__(256) clouds_gaussian(double *partial, float *c, const float *bandwidths, int count, int size) {
  similarity(partial, c, size, [=](float q, float &slope) {
    float sum = 0.f;
    for (int k = 0; k < count; k++) {
      float s = bandwidths[k], e = nn::expo(q / (-2.f * s * s));
      sum += e;
      slope -= e / (s * s);
    }
    return sum;
  });
}

// sum_s 2 s^2/(2 s^2 + q).
extern "C" __global__ void __launch_bounds__(256) clouds_imq(double *partial, float *c, const float *bandwidths, int count, int size) {
  similarity(partial, c, size, [=](float q, float &slope) {
    float sum = 0.f;
    for (int k = 0; k < count; k++) {
      float s = 2.f * bandwidths[k] * bandwidths[k], e = s / (s + q);
      sum += e;
      slope -= 2.f * e * e / s;
    }
    return sum;
  });
}

// -sqrt q.
extern "C" __global__ void __launch_bounds__(256) clouds_energy(double *partial, float *c, const float *, int, int size) {
  similarity(partial, c, size, [=](float q, float &slope) {
    float r = sqrtf(q);
    slope = r > 0.f ? -1.f / r : 0.f * q; // NaN stays
    return -r;
  });
}
