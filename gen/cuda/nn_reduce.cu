// Sums of nn.Ops. Each block leaves partial sums in float64, which a second kernel adds in the order of the blocks: the same bits on every
// run. A thread adds four products in float32 before it goes on in float64, whose conversions some devices make slowly.
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace nn_reduce {

using namespace nn;

constexpr int THREADS = 256, EACH = 16; // elements of a thread

extern "C" __global__ void nn_dot(double *partial, const float *x, const float *y, int n) {
  __shared__ double s[THREADS];
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  double sum = 0;
#pragma unroll
  for (int k = 0; k < EACH; k += 4) {
    float few = 0.f;
#pragma unroll
    for (int q = 0; q < 4; q++, at += THREADS)
      if (at < (unsigned)n) few = fmaf(x[at], y[at], few);
    sum += (double)few;
  }
  sum = block_sum<THREADS>(sum, s);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// total[0] = scale sum of count partial sums. One block.
extern "C" __global__ void nn_total(double *total, const double *partial, double scale, int count) {
  __shared__ double s[THREADS];
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += THREADS) sum += partial[i];
  sum = block_sum<THREADS>(sum, s);
  if (threadIdx.x == 0) total[0] = scale * sum;
}

// A loss of elements: grad[i] = scale times its derivative unless grad is null.
template <class F> DEVICE_INLINE void loss(double *partial, float *grad, const float *y, const float *target, int n, F f) {
  __shared__ double s[THREADS];
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  double sum = 0;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) break;
    float d;
    sum += f(y[at], target[at], d);
    if (grad) grad[at] = d;
  }
  sum = block_sum<THREADS>(sum, s);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

#define LOSS(name) extern "C" __global__ void nn_loss_##name(double *partial, float *grad, const float *y, const float *target, float scale, float sign, int n)

LOSS(squared) {
  loss(partial, grad, y, target, n, [=](float v, float t, float &d) {
    float e = v - t;
    d = 2.f * scale * e;
    return (double)e * (double)e;
  });
}

LOSS(absolute) {
  loss(partial, grad, y, target, n, [=](float v, float t, float &d) {
    float e = v - t;
    d = e > 0.f ? scale : e < 0.f ? -scale : 0.f * e; // NaN stays
    return (double)(e < 0.f ? -e : e);
  });
}

LOSS(binary_cross_entropy) {
  loss(partial, grad, y, target, n, [=](float v, float t, float &d) {
    d = scale * (sigmoid(v) - t);
    return (double)softplus(v) - (double)t * (double)v;
  });
}

LOSS(hinge) {
  loss(partial, grad, y, target, n, [=](float v, float, float &d) {
    float m = 1.f - sign * v;
    d = m <= 0.f ? 0.f : -sign * scale;
    return m <= 0.f ? 0. : (double)m;
  });
}

// dmean and dlogvar may be null.
extern "C" __global__ void nn_gaussian_kl(double *partial, float *dmean, float *dlogvar, const float *mean, const float *logvar, float scale, int n) {
  __shared__ double s[THREADS];
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  double sum = 0;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) break;
    double m = mean[at], l = logvar[at], variance = expo64(l);
    sum += (m * m + variance - 1. - l) / 2.;
    if (dlogvar) dlogvar[at] = scale * (float)((variance - 1.) / 2.);
    if (dmean) dmean[at] = scale * (float)m;
  }
  sum = block_sum<THREADS>(sum, s);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// A block a row: partial[r] = log(sum_j e^y[j]) - y[class], dy = scale (softmax(y) - (1 at the class)) unless grad is null.
extern "C" __global__ void nn_cross_entropy(double *partial, float *grad, const float *y, const float *index, float scale, int cols) {
  __shared__ double s[THREADS];
  __shared__ float top[THREADS];
  const float *row = y + (unsigned)blockIdx.x * cols;
  int t = threadIdx.x, label = (int)index[blockIdx.x];
  float most = row[0];
  for (int j = t; j < cols; j += THREADS)
    if (row[j] > most) most = row[j];
  top[t] = most;
  __syncthreads();
  for (int h = THREADS / 2; h > 0; h /= 2) {
    if (t < h && top[t + h] > top[t]) top[t] = top[t + h];
    __syncthreads();
  }
  most = top[0];
  double sum = 0;
  for (int j = t; j < cols; j += THREADS) sum += (double)expo(row[j] - most);
  sum = block_sum<THREADS>(sum, s);
  float total = most + logarithm((float)sum);
  if (t == 0) partial[blockIdx.x] = (double)most - (double)row[label] + (double)logarithm((float)sum);
  __syncthreads(); // grad may be y
  if (!grad) return;
  for (int j = t; j < cols; j += THREADS) grad[(unsigned)blockIdx.x * cols + j] = scale * (expo(row[j] - total) - (j == label ? 1.f : 0.f));
}

// Sums over channels. x is [images, channels, place]; the images of a part are summed by a block that has a channel, or, where the place is
// a single element, COLUMNS neighbouring channels. f(i, n, c) is what element i of image n and channel c adds to two sums, which go to
// partial[2 (part channels + c)].
struct Pair {
  double first, second;
};

constexpr int COLUMNS = 32, LANES = THREADS / COLUMNS;

template <class F> DEVICE_INLINE void channel_sums(double *partial, int images, int channels, int place, F f) {
  __shared__ double s[2 * THREADS];
  unsigned part = blockIdx.y, parts = gridDim.y;
  unsigned from = (unsigned)((unsigned long long)images * part / parts), to = (unsigned)((unsigned long long)images * (part + 1) / parts);
  double first = 0, second = 0;
  unsigned t = threadIdx.x;
  if (place > 1) {
    unsigned c = blockIdx.x, count = (to - from) * place;
    Divisor by(place);
    for (unsigned e = t; e < count; e += THREADS) {
      unsigned n = from + by.quotient(e);
      Pair p = f((n * channels + c) * place + e - (n - from) * place, n, c);
      first += p.first;
      second += p.second;
    }
    first = block_sum<THREADS>(first, s);
    second = block_sum<THREADS>(second, s);
    if (t == 0) partial[2 * (part * channels + c)] = first, partial[2 * (part * channels + c) + 1] = second;
    return;
  }
  unsigned c = blockIdx.x * COLUMNS + t % COLUMNS, lane = t / COLUMNS;
  if (c < (unsigned)channels)
    for (unsigned n = from + lane; n < to; n += LANES) {
      Pair p = f(n * channels + c, n, c);
      first += p.first;
      second += p.second;
    }
  s[t] = first;
  s[THREADS + t] = second;
  __syncthreads();
  if (lane == 0 && c < (unsigned)channels) {
    for (int k = 1; k < LANES; k++) first += s[k * COLUMNS + t], second += s[THREADS + k * COLUMNS + t];
    partial[2 * (part * channels + c)] = first;
    partial[2 * (part * channels + c) + 1] = second;
  }
}

extern "C" __global__ void nn_sum(double *partial, const float *x, int images, int channels, int place) {
  channel_sums(partial, images, channels, place, [=](unsigned i, unsigned, unsigned) { return Pair{(double)x[i], 0.}; });
}

extern "C" __global__ void nn_squares(double *partial, const float *x, const float *mean, int images, int channels, int place) {
  channel_sums(partial, images, channels, place, [=](unsigned i, unsigned, unsigned c) {
    float d = x[i] - mean[c];
    return Pair{(double)(d * d), 0.};
  });
}

// The sums of dy and dy (x - mean), for dy behind a LeakyReLU whose output is out, unless that is null.
extern "C" __global__ void nn_products(double *partial, const float *dy, const float *x, const float *mean, const float *out, float slope, int images, int channels, int place) {
  channel_sums(partial, images, channels, place, [=](unsigned i, unsigned, unsigned c) {
    float d = dy[i];
    if (out && !(out[i] > 0.f)) d *= slope;
    return Pair{(double)d, (double)(d * (x[i] - mean[c]))};
  });
}

// The sums of dy h and dy over the rows, h = (x - mean) r with moments[2 n] = mean and moments[2 n + 1] = r of row n.
extern "C" __global__ void nn_row_products(double *partial, const float *dy, const float *x, const float *moments, int rows, int cols) {
  channel_sums(partial, rows, cols, 1, [=](unsigned i, unsigned n, unsigned) {
    float h = (x[i] - moments[2 * n]) * moments[2 * n + 1];
    return Pair{(double)(dy[i] * h), (double)dy[i]};
  });
}

// joined adds the partial sums of a channel in order.
DEVICE_INLINE Pair joined(const double *partial, int parts, int channels, unsigned c) {
  Pair p{0, 0};
  for (int k = 0; k < parts; k++) p.first += partial[2 * (k * channels + c)], p.second += partial[2 * (k * channels + c) + 1];
  return p;
}

// first[c] += and second[c] += the sums, each unless it is null.
extern "C" __global__ void nn_add_sums(float *first, float *second, const double *partial, int parts, int channels) {
  unsigned c = blockIdx.x * THREADS + threadIdx.x;
  if (c >= (unsigned)channels) return;
  Pair p = joined(partial, parts, channels, c);
  if (first) first[c] += (float)p.first;
  if (second) second[c] += (float)p.second;
}

// mean[c] = the first sum by count.
extern "C" __global__ void nn_mean(float *mean, const double *partial, double count, int parts, int channels) {
  unsigned c = blockIdx.x * THREADS + threadIdx.x;
  if (c < (unsigned)channels) mean[c] = (float)(joined(partial, parts, channels, c).first / count);
}

#undef LOSS

} // namespace nn_reduce

using nn_reduce::nn_add_sums, nn_reduce::nn_cross_entropy, nn_reduce::nn_dot, nn_reduce::nn_gaussian_kl, nn_reduce::nn_loss_absolute,
    nn_reduce::nn_loss_binary_cross_entropy, nn_reduce::nn_loss_hinge, nn_reduce::nn_loss_squared, nn_reduce::nn_mean,
    nn_reduce::nn_products, nn_reduce::nn_row_products, nn_reduce::nn_squares, nn_reduce::nn_sum, nn_reduce::nn_total;
