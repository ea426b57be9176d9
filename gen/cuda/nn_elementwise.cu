// Element-wise operations of nn.Ops. All take (y, x, z, alpha, beta, n) and a destination that may be a source: a thread reads its elements
// before it writes them.
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace nn_elementwise {

using namespace nn;

constexpr int THREADS = 256, EACH = 4; // elements of a thread, THREADS apart, so that their reads are in flight together

template <class F> DEVICE_INLINE void map0(float *y, int n, F f) {
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
#pragma unroll
  for (int k = 0; k < EACH; k++, at += THREADS)
    if (at < (unsigned)n) y[at] = f();
}

template <class F> DEVICE_INLINE void map1(float *y, const float *x, int n, F f) {
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  float v[EACH];
#pragma unroll
  for (int k = 0; k < EACH; k++)
    if (at + k * THREADS < (unsigned)n) v[k] = x[at + k * THREADS];
#pragma unroll
  for (int k = 0; k < EACH; k++)
    if (at + k * THREADS < (unsigned)n) y[at + k * THREADS] = f(v[k]);
}

template <class F> DEVICE_INLINE void map2(float *y, const float *x, const float *z, int n, F f) {
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  float v[EACH], w[EACH];
#pragma unroll
  for (int k = 0; k < EACH; k++)
    if (at + k * THREADS < (unsigned)n) v[k] = x[at + k * THREADS], w[k] = z[at + k * THREADS];
#pragma unroll
  for (int k = 0; k < EACH; k++)
    if (at + k * THREADS < (unsigned)n) y[at + k * THREADS] = f(v[k], w[k]);
}

#define MAP(name) extern "C" __global__ void nn_##name(float *y, const float *x, const float *z, float alpha, float beta, int n)

MAP(copy) { map1(y, x, n, [](float v) { return v; }); }
MAP(zero) { map0(y, n, [] { return 0.f; }); }
MAP(scale) { map1(y, y, n, [=](float v) { return v * alpha; }); }
MAP(axpy) { map2(y, y, x, n, [=](float v, float w) { return fmaf(alpha, w, v); }); }
MAP(mul) { map2(y, x, z, n, [](float v, float w) { return v * w; }); }
MAP(clamp) { map1(y, y, n, [=](float v) { return v < alpha ? alpha : v > beta ? beta : v; }); }

MAP(leaky_relu) { map1(y, x, n, [=](float v) { return v > 0.f ? v : alpha * v; }); }
MAP(leaky_relu_backward) { map2(y, x, z, n, [=](float d, float v) { return v > 0.f ? d : alpha * d; }); }
MAP(softplus) { map1(y, x, n, [](float v) { return softplus(v); }); }
MAP(softplus_backward) { map2(y, x, z, n, [](float d, float v) { return d * -expo_minus_1(-v); }); }
MAP(sigmoid) { map1(y, x, n, [](float v) { return sigmoid(v); }); }
MAP(sigmoid_backward) { map2(y, x, z, n, [](float d, float v) { return d * v * (1.f - v); }); }
MAP(tanh) { map1(y, x, n, [](float v) { return hyperbolic_tangent(v); }); }
MAP(tanh_backward) { map2(y, x, z, n, [](float d, float v) { return d * fmaf(-v, v, 1.f); }); }
MAP(elu) { map1(y, x, n, [=](float v) { return v > 0.f ? v : alpha * expo_minus_1(v); }); }
MAP(elu_backward) { map2(y, x, z, n, [=](float d, float v) { return v > 0.f ? d : d * (v + alpha); }); }
MAP(gelu) { map1(y, x, n, [](float v) { return v * normal_cdf(v); }); }
MAP(gelu_backward) {
  map2(y, x, z, n, [](float d, float v) { return d * fmaf(v * 3.98942280e-1f, expo(-.5f * v * v), normal_cdf(v)); });
}
MAP(silu) { map1(y, x, n, [](float v) { return v * sigmoid(v); }); }
MAP(silu_backward) {
  map2(y, x, z, n, [](float d, float v) {
    float s = sigmoid(v);
    return d * s * (1.f + v * (1.f - s));
  });
}

// y[i,j] = LeakyReLU(y[i,j] + row[j]); slope 1 changes nothing.
extern "C" __global__ void nn_add_row(float *y, const float *row, float slope, int cols, int n) {
  Divisor by(cols);
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    float v = y[at] + row[at - by.quotient(at) * cols];
    y[at] = v > 0.f ? v : slope * v;
  }
}

// y[i,at+j] = beta y[i,at+j] + alpha x[i,from+j] for j < cols, in rows of wide and of wide_x numbers. With beta = 0, y is not read.
extern "C" __global__ void nn_add_columns(float *y, const float *x, float beta, float alpha, int wide, int at, int wide_x, int from, int cols, int n) {
  Divisor by(cols);
  unsigned e = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  for (int k = 0; k < EACH; k++, e += THREADS) {
    if (e >= (unsigned)n) return;
    unsigned i = by.quotient(e), j = e - i * cols, to = i * wide + at + j;
    float v = alpha * x[i * wide_x + from + j];
    y[to] = beta == 0.f ? v : fmaf(beta, y[to], v);
  }
}

extern "C" __global__ void nn_gather(float *y, const float *table, const float *index, int cols, int n) {
  Divisor by(cols);
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    unsigned row = by.quotient(at);
    y[at] = table[(unsigned)index[row] * cols + at - row * cols];
  }
}

// A thread adds one column of the rows whose index is its blockIdx.y modulo gridDim.y, in their order.
extern "C" __global__ void nn_scatter_add(float *table, const float *y, const float *index, int cols, int rows) {
  unsigned j = blockIdx.x * THREADS + threadIdx.x;
  if (j >= (unsigned)cols) return;
  for (unsigned i = 0; i < (unsigned)rows; i++) {
    unsigned to = (unsigned)index[i];
    if (to % gridDim.y == blockIdx.y) table[to * cols + j] += y[i * cols + j];
  }
}

extern "C" __global__ void nn_adam(float *p, const float *grad, float *m, float *v, float beta1, float beta2, float step_size, float inv_sqrt_bias2, float eps, float weight_decay, int n) {
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
#pragma unroll
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    float g = grad[at], mean = beta1 * m[at] + (1.f - beta1) * g, square = beta2 * v[at] + (1.f - beta2) * g * g;
    m[at] = mean;
    v[at] = square;
    p[at] -= weight_decay * p[at] + step_size * mean / (sqrtf(square) * inv_sqrt_bias2 + eps);
  }
}

// u is null without momentum.
extern "C" __global__ void nn_rmsprop(float *p, const float *grad, float *v, float *u, float rate, float decay, float eps, float momentum, float weight_decay, int n) {
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
#pragma unroll
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    float g = grad[at] + weight_decay * p[at], square = decay * v[at] + (1.f - decay) * g * g;
    v[at] = square;
    float d = g / (sqrtf(square) + eps);
    if (u) u[at] = d = momentum * u[at] + d;
    p[at] -= rate * d;
  }
}

#undef MAP

} // namespace nn_elementwise

using nn_elementwise::nn_adam, nn_elementwise::nn_add_columns, nn_elementwise::nn_add_row, nn_elementwise::nn_axpy, nn_elementwise::nn_clamp, nn_elementwise::nn_copy,
    nn_elementwise::nn_elu, nn_elementwise::nn_elu_backward, nn_elementwise::nn_gather, nn_elementwise::nn_gelu,
    nn_elementwise::nn_gelu_backward, nn_elementwise::nn_leaky_relu, nn_elementwise::nn_leaky_relu_backward, nn_elementwise::nn_mul,
    nn_elementwise::nn_rmsprop, nn_elementwise::nn_scale, nn_elementwise::nn_scatter_add, nn_elementwise::nn_sigmoid,
    nn_elementwise::nn_sigmoid_backward, nn_elementwise::nn_silu, nn_elementwise::nn_silu_backward, nn_elementwise::nn_softplus,
    nn_elementwise::nn_softplus_backward, nn_elementwise::nn_tanh, nn_elementwise::nn_tanh_backward, nn_elementwise::nn_zero;
