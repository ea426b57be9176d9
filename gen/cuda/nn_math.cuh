// Elementary functions of the network's kernels, in plain float32 and float64 arithmetic, of which a device's compiler may fuse products and
// sums. The element-wise kernels are bound by memory, so that polynomials cost nothing over the approximate instructions. Package
// nn/opstest holds what is made of them to 8 unit roundoffs of 1 + |value|.
#pragma once
#include "common.cuh"

#pragma clang fp contract(off)

namespace nn {

DEVICE_INLINE float bits_float(unsigned u) { return __uint_as_float(u); }
DEVICE_INLINE unsigned float_bits(float x) { return __float_as_uint(x); }

// scaled returns x 2^k for k in [-252, 254], by two factors that are both normal.
DEVICE_INLINE float scaled(float x, int k) {
  int half = k >> 1;
  return x * bits_float((unsigned)(half + 127) << 23) * bits_float((unsigned)(k - half + 127) << 23);
}

// expo returns e^x: x = k log 2 + r, e^r by the Taylor polynomial of degree 7, |r| <= log(2)/2.
DEVICE_INLINE float expo(float x) {
  if (x != x) return x;
  if (x > 89.f) return bits_float(0x7f800000);
  if (x < -104.f) return 0.f;
  float k = fmaf(x, 1.44269504f, 12582912.f) - 12582912.f;
  float r = fmaf(k, -6.93145752e-1f, x);
  r = fmaf(k, -1.42860677e-6f, r);
  float p = 1.f / 5040;
  p = fmaf(p, r, 1.f / 720);
  p = fmaf(p, r, 1.f / 120);
  p = fmaf(p, r, 1.f / 24);
  p = fmaf(p, r, 1.f / 6);
  p = fmaf(p, r, .5f);
  p = fmaf(p, r * r, r) + 1.f;
  return scaled(p, (int)k);
}

// expo_minus_1 returns e^x - 1: the Taylor polynomial of degree 8 for |x| < 1/2.
DEVICE_INLINE float expo_minus_1(float x) {
  if (!(x > -.5f && x < .5f)) return expo(x) - 1.f;
  float p = 1.f / 40320;
  p = fmaf(p, x, 1.f / 5040);
  p = fmaf(p, x, 1.f / 720);
  p = fmaf(p, x, 1.f / 120);
  p = fmaf(p, x, 1.f / 24);
  p = fmaf(p, x, 1.f / 6);
  p = fmaf(p, x, .5f);
  return fmaf(p, x * x, x);
}

// artanh_series returns 2 artanh(s) for |s| <= 1/3.
DEVICE_INLINE float artanh_series(float s) {
  float z = s * s, p = 2.f / 15;
  p = fmaf(p, z, 2.f / 13);
  p = fmaf(p, z, 2.f / 11);
  p = fmaf(p, z, 2.f / 9);
  p = fmaf(p, z, 2.f / 7);
  p = fmaf(p, z, 2.f / 5);
  p = fmaf(p, z, 2.f / 3);
  return fmaf(p * z, s, 2.f * s);
}

// log_1_plus returns log(1 + t) for t in [0, 1].
DEVICE_INLINE float log_1_plus(float t) { return artanh_series(t / (2.f + t)); }

// logarithm returns log x for normal x > 0: x = 2^k m, m in [1/sqrt 2, sqrt 2).
DEVICE_INLINE float logarithm(float x) {
  if (!(x > 0.f && x < bits_float(0x7f800000))) return x;
  int k = (int)(float_bits(x) - 0x3f3504f3u) >> 23;
  float m = bits_float(float_bits(x) - ((unsigned)k << 23));
  return fmaf((float)k, 6.93147181e-1f, artanh_series((m - 1.f) / (m + 1.f)));
}

DEVICE_INLINE float sigmoid(float x) {
  float e = expo(x < 0.f ? x : -x);
  return (x < 0.f ? e : 1.f) / (1.f + e);
}

DEVICE_INLINE float softplus(float x) {
  if (x != x) return x;
  return (x > 0.f ? x : 0.f) + log_1_plus(expo(x > 0.f ? -x : x));
}

// hyperbolic_tangent returns tanh x: an odd polynomial for |x| < .625, from Cephes (S. L. Moshier), else 1 - 2/(e^(2|x|) + 1).
DEVICE_INLINE float hyperbolic_tangent(float x) {
  float a = x < 0.f ? -x : x;
  if (a < .625f) {
    float z = x * x, p = -5.70498872745e-3f;
    p = fmaf(p, z, 2.06390887954e-2f);
    p = fmaf(p, z, -5.37397155531e-2f);
    p = fmaf(p, z, 1.33314422036e-1f);
    p = fmaf(p, z, -3.33332819422e-1f);
    return fmaf(p * z, x, x);
  }
  float t = 1.f - 2.f / (expo(2.f * a) + 1.f);
  return x < 0.f ? -t : t;
}

// normal_cdf returns the distribution function of the standard normal, erfc(-x/sqrt 2)/2, with erfc by a rational Chebyshev form of
// relative error 1.2e-7 (Press et al., Numerical Recipes, section 6.2).
DEVICE_INLINE float normal_cdf(float x) {
  float z = (x < 0.f ? -x : x) * 7.07106781e-1f, t = 1.f / fmaf(.5f, z, 1.f);
  float p = .17087277f;
  p = fmaf(p, t, -.82215223f);
  p = fmaf(p, t, 1.48851587f);
  p = fmaf(p, t, -1.13520398f);
  p = fmaf(p, t, .27886807f);
  p = fmaf(p, t, -.18628806f);
  p = fmaf(p, t, .09678418f);
  p = fmaf(p, t, .37409196f);
  p = fmaf(p, t, 1.00002368f);
  p = fmaf(p, t, -1.26551223f);
  float tail = .5f * t * expo(fmaf(-z, z, p));
  return x > 0.f ? 1.f - tail : tail;
}

// expo64 returns e^x to about 1e-15, for what is summed in float64.
DEVICE_INLINE double expo64(double x) {
  if (x != x) return x;
  if (x > 709.) return __builtin_bit_cast(double, 0x7ff0000000000000ull);
  if (x < -708.) return 0.;
  double k = fma(x, 1.4426950408889634, 6755399441055744.) - 6755399441055744.;
  double r = fma(k, -6.93147180369123816490e-01, x);
  r = fma(k, -1.90821492927058770002e-10, r);
  double p = 1. / 6227020800.;
  const double c[] = {1. / 479001600., 1. / 39916800., 1. / 3628800., 1. / 362880., 1. / 40320., 1. / 5040., 1. / 720., 1. / 120., 1. / 24., 1. / 6., .5, 1., 1.};
#pragma unroll
  for (int i = 0; i < 13; i++) p = fma(p, r, c[i]);
  return p * __builtin_bit_cast(double, (unsigned long long)((long long)k + 1023) << 52);
}

// A Divisor divides unsigned numbers below 2^31 by the same positive one, by a product with its reciprocal. Source: Granlund and
// Montgomery 1994.
struct Divisor {
  unsigned d, reciprocal, shift;
  __device__ inline explicit Divisor(unsigned by) : d(by) {
    shift = by > 1 ? 32 - __builtin_clz(by - 1) : 0;
    reciprocal = (unsigned)((((unsigned long long)1 << 32) * (((unsigned long long)1 << shift) - by)) / by + 1);
  }
  __device__ inline unsigned quotient(unsigned n) const {
    return (unsigned)((((unsigned long long)n * reciprocal) >> 32) + n) >> shift;
  }
};

// block_sum returns the sum of v over the BLOCK threads, added as a tree, to all of them.
template <int BLOCK> DEVICE_INLINE double block_sum(double v, double *s) {
  int t = threadIdx.x;
  s[t] = v;
  __syncthreads();
  for (int h = BLOCK / 2; h > 0; h /= 2) {
    if (t < h) s[t] += s[t + h];
    __syncthreads();
  }
  v = s[0];
  __syncthreads();
  return v;
}

} // namespace nn
