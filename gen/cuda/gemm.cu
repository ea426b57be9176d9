// Matrix products and convolutions of nn.Ops, as one tiled product in float32
//
//	C[m,n] = sum_(k in a part) A[m,k] B[k,n]
//
// whose operands are gathered from where they lie: a convolution is the product of its weight and the patches of an image, which are never
// formed. A block has BM x BN elements of C, a thread TM x TN of them in registers; tiles of depth BK go through shared memory, the next
// one on its way while one is multiplied. Where C has few tiles, the sum over k is cut into gridDim.z parts, which gemm_join and conv_join
// add in order. All splits depend on sizes only.
#include "nn_math.cuh"

#pragma clang fp contract(off)

namespace gemm {

using namespace nn;

constexpr int THREADS = 256;

// An Operand brings tiles of SIDE x BK elements of a source. A source S has lines (the rows of A, the columns of B) and at(line, k), which is
// zero on a line outside of the matrix. Where it is deep, neighbouring threads take neighbours along k, else neighbouring lines, as
// memory has them.
template <int SIDE, int BK, class S> struct Operand {
  static constexpr int COUNT = SIDE * BK / THREADS, PITCH = SIDE + 4; // the pitch keeps deep writes out of each other's banks

  S source;
  typename S::Line line[COUNT];
  float value[COUNT];

  __device__ __forceinline__ int side(int i) const {
    int e = threadIdx.x + i * THREADS;
    return source.deep() ? e / BK : e % SIDE;
  }
  __device__ __forceinline__ int depth(int i) const {
    int e = threadIdx.x + i * THREADS;
    return source.deep() ? e % BK : e / SIDE;
  }
  __device__ __forceinline__ void begin(int first) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) line[i] = source.line(first + side(i));
  }
  __device__ __forceinline__ void fetch(int k0, int k1) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      int k = k0 + depth(i);
      value[i] = k < k1 ? source.at(line[i], k) : 0.f;
    }
  }
  __device__ __forceinline__ void put(float *tile) const {
#pragma unroll
    for (int i = 0; i < COUNT; i++) tile[depth(i) * PITCH + side(i)] = value[i];
  }
};

// four reads the elements of a thread: groups of four, SIDE/(COUNT/4) apart, so that the threads of a warp read distinct banks.
template <int SIDE, int COUNT> DEVICE_INLINE void four(float *to, const float *line, int at) {
#pragma unroll
  for (int i = 0; i < COUNT; i += 4) {
    float4 v = load4(line + i * (SIDE / COUNT) + 4 * at);
    to[i] = v.x, to[i + 1] = v.y, to[i + 2] = v.z, to[i + 3] = v.w;
  }
}

// product calls store(m, n, sum over k0 <= k < k1) for the elements of the thread in the tile at (m0, n0).
template <int BM, int BN, int BK, int TM, int TN, class A, class B, class Store>
DEVICE_INLINE void product(const A &left, const B &right, int m0, int n0, int k0, int k1, Store store) {
  __shared__ __attribute__((aligned(16))) float tile_a[2][BK * (BM + 4)], tile_b[2][BK * (BN + 4)];
  static_assert((BM / TM) * (BN / TN) == THREADS, "a thread has TM x TN elements");
  Operand<BM, BK, A> a{left};
  Operand<BN, BK, B> b{right};
  int row = threadIdx.x / (BN / TN), col = threadIdx.x % (BN / TN), now = 0;
  float sum[TM][TN] = {};
  a.begin(m0);
  b.begin(n0);
  a.fetch(k0, k1);
  b.fetch(k0, k1);
  a.put(tile_a[0]);
  b.put(tile_b[0]);
  __syncthreads();
  for (int k = k0; k < k1; k += BK) {
    bool more = k + BK < k1;
    if (more) {
      a.fetch(k + BK, k1);
      b.fetch(k + BK, k1);
    }
#pragma unroll
    for (int d = 0; d < BK; d++) {
      float u[TM], v[TN];
      four<BM, TM>(u, tile_a[now] + d * a.PITCH, row);
      four<BN, TN>(v, tile_b[now] + d * b.PITCH, col);
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) sum[i][j] = fmaf(u[i], v[j], sum[i][j]);
    }
    now = 1 - now;
    if (more) {
      a.put(tile_a[now]);
      b.put(tile_b[now]);
    }
    __syncthreads();
  }
  // Out through shared memory, a row of each thread in a pass: neighbouring threads store neighbours, by code that is there once.
  float *stage = tile_a[0];
  static_assert(BM / TM * BN <= 2 * BK * (BM + 4), "a pass fits");
#pragma unroll 1
  for (int pass = 0; pass < TM; pass++) {
#pragma unroll
    for (int i = 0; i < TM; i++)
      if (i == pass)
#pragma unroll
        for (int j = 0; j < TN; j += 4)
          store4(stage + row * BN + j * (BN / TN) + 4 * col, make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]));
    __syncthreads();
#pragma unroll 1
    for (int e = threadIdx.x; e < BM / TM * BN; e += THREADS)
      store(m0 + pass / 4 * (BM / TM * 4) + 4 * (e / BN) + pass % 4, n0 + e % BN, stage[e]);
    __syncthreads();
  }
}

// A Part is what a block computes: its tile, and its part of the sum over k.
struct Part {
  int m0, n0, k0, k1;
};

template <int BM, int BN, int BK> DEVICE_INLINE Part part_of(int m, int depth) {
  int tiles = (m + BM - 1) / BM, steps = (depth + BK - 1) / BK, z = blockIdx.z, parts = gridDim.z;
  return Part{int(blockIdx.x % tiles) * BM, int(blockIdx.x / tiles) * BN, steps * z / parts * BK, min(depth, steps * (z + 1) / parts * BK)};
}

// A Matrix has its lines side_step and the elements of a line depth_step apart.
struct Matrix {
  using Line = const float *;
  const float *x;
  int lines, side_step, depth_step;
  __device__ __forceinline__ bool deep() const { return depth_step == 1; }
  __device__ __forceinline__ Line line(int r) const { return r < lines ? x + (size_t)r * side_step : nullptr; }
  __device__ __forceinline__ float at(Line l, int k) const { return l ? l[(size_t)k * depth_step] : 0.f; }
};

// c = alpha sum + beta c; with several parts, partial = sum.
template <int BM, int BN, int BK, int TM, int TN>
DEVICE_INLINE void multiply(float *c, float *partial, const Matrix &a, const Matrix &b, float alpha, float beta, int depth) {
  int m = a.lines, n = b.lines;
  Part p = part_of<BM, BN, BK>(m, depth);
  product<BM, BN, BK, TM, TN>(a, b, p.m0, p.n0, p.k0, p.k1, [=](int i, int j, float v) {
    if (i >= m || j >= n) return;
    size_t at = (size_t)i * n + j;
    if (partial)
      partial[(size_t)blockIdx.z * m * n + at] = v;
    else
      c[at] = beta == 0.f ? alpha * v : fmaf(beta, c[at], alpha * v);
  });
}

#define GEMM(name, ...)                                                                                                              \
  extern "C" __global__ void __launch_bounds__(256, 2) gemm_##name(float *c, float *partial, const float *a, const float *b, float alpha, \
      float beta, int m, int n, int depth, int a_side, int a_depth, int b_side, int b_depth) {                                      \
    multiply<__VA_ARGS__>(c, partial, Matrix{a, m, a_side, a_depth}, Matrix{b, n, b_side, b_depth}, alpha, beta, depth);             \
  }
GEMM(large, 128, 128, 8, 8, 8)
GEMM(small, 64, 64, 16, 4, 4)
#undef GEMM

// c = alpha (sum of the parts) + beta c.
extern "C" __global__ void gemm_join(float *c, const float *partial, float alpha, float beta, int parts, int n) {
  int at = blockIdx.x * THREADS + threadIdx.x;
  if (at >= n) return;
  float sum = 0.f;
  for (int k = 0; k < parts; k++) sum += partial[(size_t)k * n + at];
  c[at] = beta == 0.f ? alpha * sum : fmaf(beta, c[at], alpha * sum);
}

// Convolutions between large images [images, c, h, w] and small ones [images, o, oh, ow], by the weight [o, c, kernel, kernel].
struct Sizes {
  int images, c, h, w, o, oh, ow, kernel, stride, padding;
};

// The columns of Patches are the places of the window, their elements what it shows there.
struct Patches {
  struct Line {
    const float *image;
    int u, v;
  };
  const float *x;
  Sizes z;
  Divisor by_place, by_ow, by_taps, by_kernel;
  __device__ __forceinline__ Patches(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow), by_ow(z.ow), by_taps(z.kernel * z.kernel), by_kernel(z.kernel) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int n) const {
    int image = by_place.quotient(n), place = n - image * z.oh * z.ow, i = by_ow.quotient(place);
    if (image >= z.images) return Line{nullptr, 0, 0};
    return Line{x + (size_t)image * z.c * z.h * z.w, i * z.stride - z.padding, (place - i * z.ow) * z.stride - z.padding};
  }
  __device__ __forceinline__ float at(const Line &l, int k) const {
    int channel = by_taps.quotient(k), tap = k - channel * z.kernel * z.kernel, ki = by_kernel.quotient(tap);
    int u = l.u + ki, v = l.v + tap - ki * z.kernel;
    if (!l.image || (unsigned)u >= (unsigned)z.h || (unsigned)v >= (unsigned)z.w) return 0.f;
    return l.image[(channel * z.h + u) * z.w + v];
  }
};

// act is the LeakyReLU that follows; slope 1 changes nothing.
DEVICE_INLINE float act(float v, float slope) { return v > 0.f ? v : slope * v; }

template <int BM, int BN, int BK, int TM, int TN>
DEVICE_INLINE void to_small(float *y, float *partial, const float *x, const float *weight, const float *bias, float slope, const Sizes &z) {
  int place = z.oh * z.ow, columns = z.images * place, depth = z.c * z.kernel * z.kernel;
  Patches patches(x, z);
  Part p = part_of<BM, BN, BK>(z.o, depth);
  product<BM, BN, BK, TM, TN>(Matrix{weight, z.o, depth, 1}, patches, p.m0, p.n0, p.k0, p.k1, [&](int m, int n, float v) {
    if (m >= z.o || n >= columns) return;
    int image = patches.by_place.quotient(n);
    size_t at = ((size_t)image * z.o + m) * place + n - image * place;
    if (partial)
      partial[(size_t)blockIdx.z * columns * z.o + at] = v;
    else
      y[at] = act(v + (bias ? bias[m] : 0.f), slope);
  });
}

// A Phase is the pixels (u, v) of the large image with u + padding = a, v + padding = b modulo the stride: those that the elements
// a + stride i, b + stride j of the window reach. Each phase is a product of its own, without the zeros between them.
struct Phase {
  int a, b, rows, cols;   // elements of the window
  int u0, v0, height, width; // the first pixel as (u0 stride + a - padding, ...), and how many there are
  __device__ __forceinline__ Phase(const Sizes &z, int phase) {
    a = phase / z.stride;
    b = phase - a * z.stride;
    rows = a < z.kernel ? (z.kernel - a - 1) / z.stride + 1 : 0;
    cols = b < z.kernel ? (z.kernel - b - 1) / z.stride + 1 : 0;
    u0 = a < z.padding ? (z.padding - a + z.stride - 1) / z.stride : 0;
    v0 = b < z.padding ? (z.padding - b + z.stride - 1) / z.stride : 0;
    height = max(0, (z.h - 1 + z.padding - a + z.stride) / z.stride - u0);
    width = max(0, (z.w - 1 + z.padding - b + z.stride) / z.stride - v0);
  }
};

// The depth of the transpose in a phase is (o, i, j) for elements a + stride i, b + stride j of the window. Taps are its weights by channel
// of the large image, Places the pixels of the small image by pixel of the phase.
struct Taps {
  using Line = const float *;
  const float *weight;
  Sizes z;
  Phase f;
  Divisor by_taps, by_cols;
  __device__ __forceinline__ Taps(const float *weight, const Sizes &z, const Phase &f) : weight(weight), z(z), f(f), by_taps(max(1, f.rows * f.cols)), by_cols(max(1, f.cols)) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int m) const { return m < z.c ? weight + (size_t)m * z.kernel * z.kernel : nullptr; }
  __device__ __forceinline__ float at(Line l, int k) const {
    int o = by_taps.quotient(k), tap = k - o * f.rows * f.cols, i = by_cols.quotient(tap);
    return l ? l[(o * z.c * z.kernel + f.a + i * z.stride) * z.kernel + f.b + (tap - i * f.cols) * z.stride] : 0.f;
  }
};

struct Places {
  struct Line {
    const float *image;
    int u, v;
  };
  const float *x;
  Sizes z;
  Phase f;
  Divisor by_pixels, by_width, by_taps, by_cols;
  __device__ __forceinline__ Places(const float *x, const Sizes &z, const Phase &f)
      : x(x), z(z), f(f), by_pixels(max(1, f.height * f.width)), by_width(max(1, f.width)), by_taps(max(1, f.rows * f.cols)), by_cols(max(1, f.cols)) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int n) const {
    int image = by_pixels.quotient(n), pixel = n - image * f.height * f.width, u = by_width.quotient(pixel);
    if (image >= z.images) return Line{nullptr, 0, 0};
    return Line{x + (size_t)image * z.o * z.oh * z.ow, f.u0 + u, f.v0 + pixel - u * f.width};
  }
  __device__ __forceinline__ float at(const Line &l, int k) const {
    int o = by_taps.quotient(k), tap = k - o * f.rows * f.cols, di = by_cols.quotient(tap);
    int i = l.u - di, j = l.v - (tap - di * f.cols);
    if (!l.image || (unsigned)i >= (unsigned)z.oh || (unsigned)j >= (unsigned)z.ow) return 0.f;
    return l.image[(o * z.oh + i) * z.ow + j];
  }
};

template <int BM, int BN, int BK, int TM, int TN>
DEVICE_INLINE void to_large(float *y, float *partial, const float *x, const float *weight, const float *bias, float slope, const Sizes &z) {
  Phase f(z, blockIdx.y);
  int columns = z.images * f.height * f.width, depth = z.o * f.rows * f.cols;
  Part p = part_of<BM, BN, BK>(z.c, depth);
  if (p.n0 >= columns) return; // the grid is that of the largest phase
  Places places(x, z, f);
  product<BM, BN, BK, TM, TN>(Taps(weight, z, f), places, p.m0, p.n0, p.k0, p.k1, [&](int m, int n, float v) {
    if (m >= z.c || n >= columns) return;
    int image = places.by_pixels.quotient(n), pixel = n - image * f.height * f.width, u = places.by_width.quotient(pixel);
    int row = (f.u0 + u) * z.stride + f.a - z.padding, col = (f.v0 + pixel - u * f.width) * z.stride + f.b - z.padding;
    size_t at = (((size_t)image * z.c + m) * z.h + row) * z.w + col;
    if (partial)
      partial[(size_t)blockIdx.z * z.images * z.c * z.h * z.w + at] = v;
    else
      y[at] = act(v + (bias ? bias[m] : 0.f), slope);
  });
}

// The depth of the weight's gradient is (image, place). Pixels are those of the small image by its channel, Windows those of the large one by
// (channel, element of the window).
struct Pixels {
  using Line = const float *;
  const float *x;
  Sizes z;
  Divisor by_place;
  __device__ __forceinline__ Pixels(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow) {}
  __device__ __forceinline__ bool deep() const { return true; }
  __device__ __forceinline__ Line line(int m) const { return m < z.o ? x + (size_t)m * z.oh * z.ow : nullptr; }
  __device__ __forceinline__ float at(Line l, int k) const {
    int place = z.oh * z.ow, image = by_place.quotient(k);
    return l ? l[(size_t)image * z.o * place + k - image * place] : 0.f;
  }
};

struct Windows {
  struct Line {
    const float *channel;
    int u, v;
  };
  const float *x;
  Sizes z;
  Divisor by_place, by_ow, by_taps, by_kernel;
  __device__ __forceinline__ Windows(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow), by_ow(z.ow), by_taps(z.kernel * z.kernel), by_kernel(z.kernel) {}
  __device__ __forceinline__ bool deep() const { return true; }
  __device__ __forceinline__ Line line(int n) const {
    int channel = by_taps.quotient(n), tap = n - channel * z.kernel * z.kernel, ki = by_kernel.quotient(tap);
    if (channel >= z.c) return Line{nullptr, 0, 0};
    return Line{x + (size_t)channel * z.h * z.w, ki - z.padding, tap - ki * z.kernel - z.padding};
  }
  __device__ __forceinline__ float at(const Line &l, int k) const {
    int image = by_place.quotient(k), place = k - image * z.oh * z.ow, i = by_ow.quotient(place);
    int u = l.u + i * z.stride, v = l.v + (place - i * z.ow) * z.stride;
    if (!l.channel || (unsigned)u >= (unsigned)z.h || (unsigned)v >= (unsigned)z.w) return 0.f;
    return l.channel[(size_t)image * z.c * z.h * z.w + u * z.w + v];
  }
};

template <int BM, int BN, int BK, int TM, int TN>
DEVICE_INLINE void to_weight(float *dweight, float *partial, const float *small, const float *large, const Sizes &z) {
  int columns = z.c * z.kernel * z.kernel, depth = z.images * z.oh * z.ow;
  Part p = part_of<BM, BN, BK>(z.o, depth);
  product<BM, BN, BK, TM, TN>(Pixels(small, z), Windows(large, z), p.m0, p.n0, p.k0, p.k1, [=](int m, int n, float v) {
    if (m >= z.o || n >= columns) return;
    size_t at = (size_t)m * columns + n;
    if (partial)
      partial[(size_t)blockIdx.z * columns * z.o + at] = v;
    else
      dweight[at] += v;
  });
}

#define SIZES int images, int c, int h, int w, int o, int oh, int ow, int kernel, int stride, int padding
#define CONV(name, ...)                                                                                                              \
  extern "C" __global__ void __launch_bounds__(256, 2) conv_##name(float *y, float *partial, const float *x, const float *weight,    \
      const float *bias, float slope, SIZES) {                                                                                      \
    to_small<__VA_ARGS__>(y, partial, x, weight, bias, slope, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding});           \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(256, 2) conv_transpose_##name(float *y, float *partial, const float *x,               \
      const float *weight, const float *bias, float slope, SIZES) {                                                                 \
    to_large<__VA_ARGS__>(y, partial, x, weight, bias, slope, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding});           \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(256, 2) conv_weight_##name(float *dweight, float *partial, const float *small,        \
      const float *large, SIZES) {                                                                                                  \
    to_weight<__VA_ARGS__>(dweight, partial, small, large, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding});              \
  }
CONV(large, 128, 128, 8, 8, 8)
CONV(small, 64, 64, 16, 4, 4)
#undef CONV
#undef SIZES

// y = LeakyReLU(bias + the sum of the parts), of channel (i / place) mod channels.
extern "C" __global__ void conv_join(float *y, const float *partial, const float *bias, float slope, int channels, int place, int parts, int n) {
  int at = blockIdx.x * THREADS + threadIdx.x;
  if (at >= n) return;
  float sum = 0.f;
  for (int k = 0; k < parts; k++) sum += partial[(size_t)k * n + at];
  Divisor by_place(place), by_channels(channels);
  unsigned plane = by_place.quotient(at);
  if (bias) sum += bias[plane - by_channels.quotient(plane) * channels];
  y[at] = act(sum, slope);
}

} // namespace gemm

using gemm::conv_join, gemm::conv_large, gemm::conv_small, gemm::conv_transpose_large, gemm::conv_transpose_small, gemm::conv_weight_large,
    gemm::conv_weight_small, gemm::gemm_join, gemm::gemm_large, gemm::gemm_small;
