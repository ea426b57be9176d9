// Sinkhorn iterations of a training step and their reverse pass; see package nn/clouds for the formulas. Every pass takes its exponentials
// anew, each with the sum that it belongs to as the shift, or with a running maximum: nothing overflows, at any temperature, and what
// underflows is 2^-126 of its sum. Exponentials are those of the special function unit, of 2 ULP.
//
// Costs of a step are a few million entries, which stay in the cache of a large device. Work per entry and pass: 4 bytes, some 5 operations,
// one exponential (a soft minimum: 1.25); from a cache of 5 TB/s, 132 multiprocessors at 1.8 GHz take 5 entries in a cycle each and make 16
// exponentials. Three problems of 1000 x 1000 are 2.4 us; below some 1000 points a pass is bound by its launch, and there is one for all
// problems of a half iteration.
#include "clouds.cuh"

#pragma clang fp contract(off)

namespace clouds {

// A Sum is sum 2^top.
struct Sum {
  float top, sum;
};

// The terms of s_i = -log2 mean_j 2^(lambda h_j - kappa c_ij). h null is zeros.
struct SoftMin {
  float *s;
  const float *h;
  float kappa, lambda;

  using State = Sum;
  static __device__ __forceinline__ State start() { return Sum{-__builtin_inff(), 0.f}; }
  static __device__ __forceinline__ State join(State a, State b) {
    float top = fmaxf(a.top, b.top);
    if (!(top > -__builtin_inff())) return Sum{top, a.sum + b.sum};
    return Sum{top, a.sum * exp2_approx(a.top - top) + b.sum * exp2_approx(b.top - top)};
  }
  static __device__ __forceinline__ State lane(State s, int step) { return Sum{__shfl_xor_sync(full_warp, s.top, step), __shfl_xor_sync(full_warp, s.sum, step)}; }
  __device__ __forceinline__ float own(int) const { return 0.f; }
  __device__ __forceinline__ float partner(int j) const { return h ? lambda * h[j] : 0.f; }
  __device__ __forceinline__ float weight(int) const { return 0.f; }

  // A term that is not a number makes the sum one.
  __device__ __forceinline__ void take(State &s, float, const Entries &e) const {
    float z[unroll], top = s.top;
#pragma unroll
    for (int q = 0; q < unroll; q++) {
      z[q] = e.in[q] ? fmaf(-kappa, e.cost[q], e.partner[q]) : -__builtin_inff();
      top = fmaxf(top, z[q]);
    }
    bool none = !(top > -__builtin_inff()); // so far
    float sum = none ? s.sum : s.sum * exp2_approx(s.top - top);
#pragma unroll
    for (int q = 0; q < unroll; q++) sum += none ? (z[q] != z[q] ? z[q] : 0.f) : exp2_approx(z[q] - top);
    s = Sum{top, sum};
  }
  __device__ __forceinline__ void leave(int at, State sum, int count) const {
    s[at] = sum.sum == sum.sum ? float(-double(sum.top) - log2_double(double(sum.sum) / count)) : sum.sum;
  }
};

// Two sums over entries e_ij of a plan.
struct Sums {
  float first, second;
};

// The terms sum_j e_ij z_j and sum_j e_ij c_ij of a plan, e_ij = 2^(of_f f_i + of_g g_j - kappa c_ij). f and g are those of the point itself
// and of its partners; g null is zeros, z null ones.
struct Plan {
  const float *f, *g, *z;
  float kappa, of_f, of_g;

  using State = Sums;
  static __device__ __forceinline__ State start() { return Sums{0.f, 0.f}; }
  static __device__ __forceinline__ State join(State a, State b) { return Sums{a.first + b.first, a.second + b.second}; }
  static __device__ __forceinline__ State lane(State s, int step) { return Sums{__shfl_xor_sync(full_warp, s.first, step), __shfl_xor_sync(full_warp, s.second, step)}; }
  __device__ __forceinline__ float own(int i) const { return f ? of_f * f[i] : 0.f; }
  __device__ __forceinline__ float partner(int j) const { return g ? of_g * g[j] : 0.f; }
  __device__ __forceinline__ float weight(int j) const { return z ? z[j] : 1.f; }
  __device__ __forceinline__ void take(State &s, float own, const Entries &e) const {
#pragma unroll
    for (int q = 0; q < unroll; q++) {
      float p = e.in[q] ? exp2_approx(fmaf(-kappa, e.cost[q], own + e.partner[q])) : 0.f;
      s.first = fmaf(p, e.weight[q], s.first);
      s.second = fmaf(p, e.cost[q], s.second);
    }
  }
};

// y = beta y + alpha mean.
struct Product : Plan {
  float *y;
  float alpha, beta;
  __device__ __forceinline__ Product(float *y, Plan p, float alpha, float beta) : Plan(p), y(y), alpha(alpha), beta(beta) {}
  __device__ __forceinline__ void leave(int at, State s, int count) const {
    float v = alpha * (s.first / count);
    y[at] = beta == 0.f ? v : fmaf(beta, y[at], v);
  }
};

// Means of the entries, and of their costs, each unless it is null.
struct Marginals : Plan {
  float *mass, *cost;
  __device__ __forceinline__ Marginals(float *mass, float *cost, Plan p) : Plan(p), mass(mass), cost(cost) {}
  __device__ __forceinline__ void leave(int at, State s, int count) const {
    if (mass) mass[at] = s.first / count;
    if (cost) cost[at] = s.second / count;
  }
};

// target is what the mass of a point of potential h, in units of the cost, should be.
DEVICE_INLINE double target(double h, double rho) { return rho > 0 ? exp2_double(-h / rho * 1.4426950408889634) : 1; }

// dual is what a point of potential h adds to the dual objective.
DEVICE_INLINE double dual(double h, double rho) { return rho > 0 ? rho * (1 - target(h, rho)) : h; }

} // namespace clouds

CLOUDS_PASS(soft_min, CLOUDS_PARAMETERS(float *s, const float *h, float kappa, float lambda), SoftMin{s, h, kappa, lambda})

// f and of_f are those of the side of the sums, g and of_g of the other.
CLOUDS_PASS(product, CLOUDS_PARAMETERS(float *y, const float *f, const float *g, const float *z, float kappa, float of_f, float of_g, float alpha, float beta),
     Product(y, Plan{f, g, z, kappa, of_f, of_g}, alpha, beta))
CLOUDS_PASS(marginals, CLOUDS_PARAMETERS(float *mass, float *cost, const float *f, const float *g, float kappa, float of_f, float of_g),
     Marginals(mass, cost, Plan{f, g, nullptr, kappa, of_f, of_g}))

// gap_i = t(unit f_i) - mass_i.
extern "C" __global__ void clouds_gap(float *gap, const float *mass, const float *f, double unit, double rho, int n) {
  int i = blockIdx.x * clouds::THREADS + threadIdx.x;
  if (i < n) gap[i] = float(clouds::target(unit * f[i], rho) - mass[i]);
}

// A block a problem: sums[4 k] = the mean cost, the mean mass, the mean |t(unit f_i) - mass_i| and the dual objective's potentials.
extern "C" __global__ void __launch_bounds__(256)
    clouds_weigh(double *sums, const float *mass, const float *cost, const float *f, const float *g, double unit, double rho, int n, int m) {
  using namespace clouds;
  __shared__ double held[THREADS];
  int k = blockIdx.x;
  double s[4] = {0, 0, 0, 0};
  for (int i = threadIdx.x; i < n; i += THREADS) {
    double h = unit * f[k * n + i], e = mass[k * n + i];
    s[0] += cost[k * n + i];
    s[1] += e;
    s[2] += fabs(target(h, rho) - e);
    s[3] += dual(h, rho);
  }
  double other = 0;
  for (int j = threadIdx.x; j < m; j += THREADS) other += dual(unit * g[k * m + j], rho);
  s[3] += other * n / m;
#pragma unroll
  for (int q = 0; q < 4; q++) {
    double sum = nn::block_sum<THREADS>(s[q], held);
    if (threadIdx.x == 0) sums[4 * k + q] = sum / n;
  }
}

// The derivative by the costs of a record of steps, of so many problems each:
//
//     dc_ij = (e_ij (1 - inv_eps c_ij) + lambda sum_l (psi_lj 2^(lambda f_li + g_lj - kappa c_ij) + phi_li 2^(f_li + lambda g_(l-1)j - kappa c_ij)))/(n m)
//
// with g_0 of first, zeros where that is null. A block has 32 rows and 64 columns, a thread 4 and 2 of them. Work per entry: 8 bytes, and for each step two exponentials, eight operations and
// a load and a half: it is bound by the exponentials, 16 steps of three problems of 1000 x 1000 are 25 us of an H200.
extern "C" __global__ void __launch_bounds__(256)
    clouds_cost_gradient(float *dc, const float *c, const float *f, const float *g, const float *first, const float *phi, const float *psi, float kappa,
                         float lambda, float inv_eps, int n, int m, int steps, int problems) {
  constexpr int down = 4, across = 2;
  int k = blockIdx.z, i0 = (blockIdx.y * 8 + threadIdx.x / 32) * down, j0 = blockIdx.x * (32 * across) + threadIdx.x % 32;
  int at_i[down], at_j[across]; // those beyond the matrix are of its last row and column
#pragma unroll
  for (int q = 0; q < down; q++) at_i[q] = k * n + min(i0 + q, n - 1);
#pragma unroll
  for (int p = 0; p < across; p++) at_j[p] = k * m + min(j0 + 32 * p, m - 1);
  float cost[down][across], sum[down][across], before[across];
#pragma unroll
  for (int q = 0; q < down; q++)
#pragma unroll
    for (int p = 0; p < across; p++) {
      cost[q][p] = -kappa * c[(size_t)at_i[q] * m + at_j[p] - k * m];
      sum[q][p] = 0.f;
    }
#pragma unroll
  for (int p = 0; p < across; p++) before[p] = first ? first[at_j[p]] : 0.f;
#pragma unroll 1
  for (int l = 0; l < steps; l++) {
    size_t rows = (size_t)l * problems * n, cols = (size_t)l * problems * m;
    float gj[across], psij[across];
#pragma unroll
    for (int p = 0; p < across; p++) gj[p] = g[cols + at_j[p]], psij[p] = psi[cols + at_j[p]];
#pragma unroll
    for (int q = 0; q < down; q++) {
      float fi = f[rows + at_i[q]], phii = phi[rows + at_i[q]];
#pragma unroll
      for (int p = 0; p < across; p++) {
        sum[q][p] = fmaf(psij[p], exp2_approx(cost[q][p] + fmaf(lambda, fi, gj[p])), sum[q][p]);
        sum[q][p] = fmaf(phii, exp2_approx(cost[q][p] + (fi + lambda * before[p])), sum[q][p]);
      }
    }
#pragma unroll
    for (int p = 0; p < across; p++) before[p] = gj[p];
  }
  size_t last = (size_t)(steps - 1) * problems;
  float scale = 1.f / ((float)n * (float)m);
#pragma unroll
  for (int q = 0; q < down; q++)
#pragma unroll
    for (int p = 0; p < across; p++) {
      if (i0 + q >= n || j0 + 32 * p >= m) continue;
      size_t at = (size_t)at_i[q] * m + j0 + 32 * p;
      float e = exp2_approx(fmaf(-kappa, c[at], lambda * (f[last * n + at_i[q]] + g[last * m + at_j[p]])));
      dc[at] = scale * fmaf(lambda, sum[q][p], e * fmaf(-inv_eps, c[at], 1.f));
    }
}
