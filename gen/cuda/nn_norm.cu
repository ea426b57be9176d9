// Normalisations of nn.Ops; their sums over channels are in nn_reduce.cu.
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace nn_norm {

using namespace nn;

constexpr int THREADS = 256, EACH = 4;

// y = LeakyReLU(weight (x - mean)/sqrt(variance + eps) + bias) for elements of channel (i / place) mod channels; slope 1 changes nothing.
extern "C" __global__ void nn_normalize(float *y, const float *x, const float *mean, const float *variance, const float *weight, const float *bias, double eps, float slope, int channels, int place, int n) {
  Divisor by_place(place), by_channels(channels);
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    unsigned plane = by_place.quotient(at), c = plane - by_channels.quotient(plane) * channels;
    float scale = (float)((double)weight[c] / sqrt((double)variance[c] + eps));
    float v = (x[at] - mean[c]) * scale + bias[c];
    y[at] = v > 0.f ? v : slope * v;
  }
}

// coefficients[3 c] = scale, slope and offset of channel c, by which dx = scale dy + slope (x - mean) + offset; dweight and dbias grow unless
// they are null.
extern "C" __global__ void nn_undo(float *coefficients, float *dweight, float *dbias, const double *partial, const float *variance, const float *weight, double eps, double count, int batch, int parts, int channels) {
  unsigned c = blockIdx.x * THREADS + threadIdx.x;
  if (c >= (unsigned)channels) return;
  double sum = 0, product = 0;
  for (int k = 0; k < parts; k++) sum += partial[2 * (k * channels + c)], product += partial[2 * (k * channels + c) + 1];
  double r = 1. / sqrt((double)variance[c] + eps), full = (double)weight[c] * r;
  if (dweight) dweight[c] += (float)(product * r);
  if (dbias) dbias[c] += (float)sum;
  coefficients[3 * c] = (float)full;
  coefficients[3 * c + 1] = batch ? (float)(-full * r * r * product / count) : 0.f;
  coefficients[3 * c + 2] = batch ? (float)(-full * sum / count) : 0.f;
}

extern "C" __global__ void nn_normalize_backward(float *dx, const float *dy, const float *x, const float *mean, const float *out, const float *coefficients, float slope, int channels, int place, int n) {
  Divisor by_place(place), by_channels(channels);
  unsigned at = blockIdx.x * (THREADS * EACH) + threadIdx.x;
  for (int k = 0; k < EACH; k++, at += THREADS) {
    if (at >= (unsigned)n) return;
    unsigned plane = by_place.quotient(at), c = plane - by_channels.quotient(plane) * channels;
    float d = dy[at];
    if (out && !(out[at] > 0.f)) d *= slope;
    const float *a = coefficients + 3 * c;
    dx[at] = a[0] * d + (a[1] * (x[at] - mean[c]) + a[2]);
  }
}

// Below a block has a row.

struct Moments {
  float mean, r;
};

// moments_of returns the mean of a row and 1/sqrt(variance + eps).
DEVICE_INLINE Moments moments_of(const float *x, int cols, double eps, double *s) {
  double sum = 0;
  for (int j = threadIdx.x; j < cols; j += THREADS) sum += (double)x[j];
  float mean = (float)(block_sum<THREADS>(sum, s) / cols);
  sum = 0;
  for (int j = threadIdx.x; j < cols; j += THREADS) {
    float d = x[j] - mean;
    sum += (double)(d * d);
  }
  return Moments{mean, (float)(1. / sqrt(block_sum<THREADS>(sum, s) / cols + eps))};
}

extern "C" __global__ void nn_layer_norm(float *y, const float *x, const float *weight, const float *bias, double eps, int cols) {
  __shared__ double s[THREADS];
  x += (unsigned)blockIdx.x * cols;
  y += (unsigned)blockIdx.x * cols;
  Moments m = moments_of(x, cols, eps, s);
  for (int j = threadIdx.x; j < cols; j += THREADS) y[j] = (x[j] - m.mean) * m.r * weight[j] + bias[j];
}

// With h = (x - mean) r and g = weight dy, dx = r (g - sum(g)/n - h sum(g h)/n) unless dx is null; moments keeps mean and r.
extern "C" __global__ void nn_layer_norm_backward(float *dx, float *moments, const float *dy, const float *x, const float *weight, double eps, int cols) {
  __shared__ double s[THREADS];
  unsigned at = (unsigned)blockIdx.x * cols;
  x += at;
  dy += at;
  Moments m = moments_of(x, cols, eps, s);
  if (threadIdx.x == 0) moments[2 * blockIdx.x] = m.mean, moments[2 * blockIdx.x + 1] = m.r;
  if (!dx) return;
  double sum = 0, product = 0;
  for (int j = threadIdx.x; j < cols; j += THREADS) {
    float g = weight[j] * dy[j];
    sum += (double)g;
    product += (double)(g * ((x[j] - m.mean) * m.r));
  }
  float a = (float)(block_sum<THREADS>(sum, s) / cols), b = (float)(block_sum<THREADS>(product, s) / cols);
  for (int j = threadIdx.x; j < cols; j += THREADS) dx[at + j] = m.r * (weight[j] * dy[j] - a - (x[j] - m.mean) * m.r * b);
}

extern "C" __global__ void nn_l2_normalize(float *y, const float *x, double eps, int cols) {
  __shared__ double s[THREADS];
  unsigned at = (unsigned)blockIdx.x * cols;
  double sum = 0;
  for (int j = threadIdx.x; j < cols; j += THREADS) sum += (double)x[at + j] * (double)x[at + j];
  double length = sqrt(block_sum<THREADS>(sum, s));
  float inverse = (float)(1. / (length > eps || length != length ? length : eps));
  for (int j = threadIdx.x; j < cols; j += THREADS) y[at + j] = x[at + j] * inverse;
}

// dx = (dy - y (y dy))/length for y = x/length, and dy/eps where eps is the length.
extern "C" __global__ void nn_l2_normalize_backward(float *dx, const float *dy, const float *x, double eps, int cols) {
  __shared__ double s[THREADS];
  unsigned at = (unsigned)blockIdx.x * cols;
  double square = 0, product = 0;
  for (int j = threadIdx.x; j < cols; j += THREADS) {
    square += (double)x[at + j] * (double)x[at + j];
    product += (double)x[at + j] * (double)dy[at + j];
  }
  double length = sqrt(block_sum<THREADS>(square, s));
  product = block_sum<THREADS>(product, s);
  bool least = !(length > eps || length != length);
  if (least) length = eps;
  float along = least ? 0.f : (float)(product / length / length), inverse = (float)(1. / length);
  for (int j = threadIdx.x; j < cols; j += THREADS) dx[at + j] = (dy[at + j] - x[at + j] * along) * inverse;
}


} // namespace nn_norm

using nn_norm::nn_l2_normalize, nn_norm::nn_l2_normalize_backward, nn_norm::nn_layer_norm, nn_norm::nn_layer_norm_backward,
    nn_norm::nn_normalize, nn_norm::nn_normalize_backward, nn_norm::nn_undo;
