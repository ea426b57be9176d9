// The points of a gradient penalty, between those of two clouds, and what slopes there call for; see package nn/clouds. A warp has a row.
#include "clouds.cuh"

#pragma clang fp contract(off)

// p_i = t_i x_i + (1-t_i) y_i, u_i = (x_i - y_i)/|x_i - y_i|, zeros where that is 0, and length_i = |x_i - y_i|, each unless it is null.
extern "C" __global__ void __launch_bounds__(256)
    clouds_between(float *p, float *u, float *length, const float *x, const float *y, const float *t, int n, int d) {
  using namespace clouds;
  int i = row_of_warp(), lane = threadIdx.x % 32;
  size_t at = (size_t)min(i, n - 1) * d;
  float square = 0.f;
  for (int k = lane; k < d; k += 32) {
    float v = x[at + k] - y[at + k];
    square = fmaf(v, v, square);
  }
  float size = sqrtf(warp_sum(square)), by = size == 0.f ? 0.f : 1.f / size; // NaN stays
  if (i >= n) return;
  float share = p ? t[i] : 0.f;
  for (int k = lane; k < d; k += 32) {
    float xk = x[at + k], yk = y[at + k];
    if (p) p[at + k] = fmaf(share, xk, (1.f - share) * yk);
    if (u) u[at + k] = by * (xk - yk);
  }
  if (length && lane == 0) length[i] = size;
}

// With s_i = |g_i| of d numbers and h_i = step length_i: excess_i = s_i - 1, g_i becomes h_i g_i/s_i and u_i, of dim numbers, alpha (s_i - 1)/h_i u_i;
// zeros where s_i or h_i is 0.
extern "C" __global__ void __launch_bounds__(256)
    clouds_slope_penalty(float *g, float *u, float *excess, const float *length, float step, float alpha, int n, int d, int dim) {
  using namespace clouds;
  int i = row_of_warp(), lane = threadIdx.x % 32, row = min(i, n - 1);
  float *own = g + (size_t)row * d;
  float size = sqrtf(dot_of(own, own, d));
  if (i >= n) return;
  float h = step * length[i], over = size - 1.f;
  bool none = size == 0.f || h == 0.f; // NaN stays
  float along = none ? 0.f : h / size, by = none ? 0.f : alpha * over / h;
  for (int k = lane; k < d; k += 32) own[k] = none ? 0.f : along * own[k];
  for (int k = lane; k < dim; k += 32) u[(size_t)i * dim + k] *= by;
  if (lane == 0) excess[i] = over;
}
