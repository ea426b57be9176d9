// Pooling of nn.Ops: large images h x w, small ones oh x ow, a thread an element of the destination. Gradients are gathered from the windows
// that cover a pixel, in their order, so that no two threads add to the same element.
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace nn_pool {

using namespace nn;

constexpr int THREADS = 256;

struct Window {
  int kernel, stride, padding, h, w, oh, ow;
};

// A Place is an element of a plane.
struct Place {
  unsigned plane;
  int row, col;
};

DEVICE_INLINE Place place_of(unsigned at, int rows, int cols) {
  Divisor by_cols(cols), by_rows(rows);
  unsigned line = by_cols.quotient(at), plane = by_rows.quotient(line);
  return Place{plane, (int)(line - plane * rows), (int)(at - line * cols)};
}

DEVICE_INLINE int larger(int a, int b) { return a > b ? a : b; }
DEVICE_INLINE int smaller(int a, int b) { return a < b ? a : b; }

// argmax returns where the largest pixel under place (i, j) is, the first of several, or the first NaN.
DEVICE_INLINE int argmax(const Window &g, const float *x, int i, int j) {
  int u = i * g.stride - g.padding, v = j * g.stride - g.padding;
  int u0 = larger(u, 0), u1 = smaller(u + g.kernel, g.h), v0 = larger(v, 0), v1 = smaller(v + g.kernel, g.w);
  int at = u0 * g.w + v0;
  float best = x[at];
  for (u = u0; u < u1; u++)
    for (v = v0; v < v1; v++) {
      float value = x[u * g.w + v];
      if (best == best && !(value <= best)) at = u * g.w + v, best = value;
    }
  return at;
}

// covering returns the places along a side that see pixel u: lo to hi-1.
DEVICE_INLINE void covering(const Window &g, int u, int places, int &lo, int &hi) {
  u += g.padding;
  lo = u < g.kernel ? 0 : (u - g.kernel) / g.stride + 1;
  hi = smaller(places, u / g.stride + 1);
}

#define POOL(name) extern "C" __global__ void nn_##name(float *y, const float *x, const float *z, float scale, int kernel, int stride, int padding, int h, int w, int oh, int ow, int n)
#define BEGIN(rows, cols)                              \
  [[maybe_unused]] Window g{kernel, stride, padding, h, w, oh, ow}; \
  unsigned at = blockIdx.x * THREADS + threadIdx.x;    \
  if (at >= (unsigned)n) return;                       \
  Place p = place_of(at, rows, cols);

POOL(max_pool) {
  BEGIN(oh, ow)
  const float *plane = x + p.plane * h * w;
  y[at] = plane[argmax(g, plane, p.row, p.col)];
}

// y is the gradient of the large image z, x that of the small one.
POOL(max_pool_backward) {
  BEGIN(h, w)
  int i0, i1, j0, j1;
  covering(g, p.row, oh, i0, i1);
  covering(g, p.col, ow, j0, j1);
  float sum = 0.f;
  for (int i = i0; i < i1; i++)
    for (int j = j0; j < j1; j++)
      if (argmax(g, z + p.plane * h * w, i, j) == p.row * w + p.col) sum += x[(p.plane * oh + i) * ow + j];
  y[at] = sum;
}

POOL(sum_pool) {
  BEGIN(oh, ow)
  int u = p.row * stride - padding, v = p.col * stride - padding;
  int u0 = larger(u, 0), u1 = smaller(u + kernel, h), v0 = larger(v, 0), v1 = smaller(v + kernel, w);
  float sum = 0.f;
  for (u = u0; u < u1; u++)
    for (v = v0; v < v1; v++) sum += x[(p.plane * h + u) * w + v];
  y[at] = scale * sum;
}

POOL(spread) {
  BEGIN(h, w)
  int i0, i1, j0, j1;
  covering(g, p.row, oh, i0, i1);
  covering(g, p.col, ow, j0, j1);
  float sum = 0.f;
  for (int i = i0; i < i1; i++)
    for (int j = j0; j < j1; j++) sum += scale * x[(p.plane * oh + i) * ow + j];
  y[at] = sum;
}

#undef POOL
#undef BEGIN

} // namespace nn_pool

using nn_pool::nn_max_pool, nn_pool::nn_max_pool_backward, nn_pool::nn_spread, nn_pool::nn_sum_pool;
