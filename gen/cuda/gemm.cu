// Matrix products and convolutions of nn.Ops, as one tiled product in float32
//
//	C[m,n] = sum_(k in a part) A[m,k] B[k,n]
//
// whose operands are gathered from where they lie: a convolution is the product of its weight and the patches of an image, which are never
// formed. Where C has few tiles, the sum over k is cut into gridDim.z parts, which gemm_join and conv_join add in order. All splits depend on
// sizes only.
//
// Plain: a block has BM x BN elements of C, a thread TM x TN of them in registers; tiles of depth BK go through shared memory, the next one on its
// way while one is multiplied. 128 multiply-adds in a cycle and multiprocessor bind.
//
// On tensor cores, from sm_80 on: four warps have BM x BN, one of 64 x 128 and 64 x 64; chunks of 16 along k are copied two ahead, 4 bytes at a
// time as gathered operands lie. A tile of 64 x 128 makes 43 multiply-adds for each number that is copied, 21 operations a byte of the second
// level's cache. Its chunk of 131,072 multiply-adds takes, in cycles of a multiprocessor,
//
//     three terms   384 tensor cores (640 where mma.sync reaches .6 of them), 384 shared memory (192 written and read for copies, 192 read),
//                   540 of issue (96 mma, 144 split numbers, 64 add up, 200 copy) or, of convolutions, which look for what a window shows, 680 to 740
//     one term      128 (213), 384, 430 or 570 to 630
//
// as counted in the PTX, where plain float32 takes 1024 for its multiply-adds alone: matrices in three terms are bound by tensor cores, the others by
// issue.
#include "nn_math.cuh"
#include "tensor.cuh"

#pragma clang fp contract(off)

namespace gemm {

using namespace nn;

constexpr int THREADS = 256;

// A source has lines (the rows of A, the columns of B), places along k, and of both at(line, place), an element of x: the zeros outside of the
// matrix or of the image are not there. Where it is deep, neighbours in memory are those along k, else those of neighbouring lines. Numbers are
// unsigned where they may run over for what is not there.
struct Element {
  unsigned at;
  bool there;
};

// An Operand brings tiles of SIDE x BK elements of a source, neighbouring threads neighbours in memory.
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
      Element e = source.at(line[i], source.place(k));
      value[i] = k < k1 && e.there ? source.x[e.at] : 0.f;
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
DEVICE_INLINE void plain_product(const A &left, const B &right, int m0, int n0, int k0, int k1, Store store) {
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

#ifdef HAVE_TF32

// A Gather copies chunks of SIDE lines by 128 threads: an eighth of a warp four neighbours along k, the warp eight lines. Quads are where mma::quad_at
// wants them, so that what a warp writes falls into different banks.
template <int SIDE, class S> struct Gather {
  static constexpr int LINES = SIDE / 32;
  const S &source;
  typename S::Line line[LINES];
  __device__ __forceinline__ Gather(const S &source, int first) : source(source) {
#pragma unroll
    for (int i = 0; i < LINES; i++) line[i] = source.line(first + threadIdx.x / 4 + 32 * i);
  }
  __device__ __forceinline__ void copy(const float *tile, int k0, int k1) const {
    shared_pointer to = shared_address(tile + threadIdx.x / 4 * mma::depth + threadIdx.x % 4);
#pragma unroll
    for (int q = 0; q < 4; q++) {
      int k = k0 + 4 * q + threadIdx.x % 4;
      auto place = source.place(k);
      shared_pointer quad = shared_at(to, mma::quad_at(threadIdx.x / 4, q));
#pragma unroll
      for (int i = 0; i < LINES; i++) {
        Element e = source.at(line[i], place);
        copy4_at(quad, 32 * i * mma::depth, source.x + e.at, k < k1 && e.there);
      }
    }
  }
};

// tensor_product is plain_product on tensor cores by 128 threads, WARPS_M x (4 / WARPS_M) warps of 32 rows each; single: one term.
template <int BM, int BN, int WARPS_M, class A, class B, class Store>
DEVICE_INLINE void tensor_product(const A &left, const B &right, int m0, int n0, int k0, int k1, bool single, Store store) {
  using namespace mma;
  constexpr int WARPS_N = 4 / WARPS_M, STAGES = 3, ACROSS = BN / WARPS_N / 8, SIZE = (BM + BN) * depth, PITCH = BN + 8;
  static_assert(BM == WARPS_M * high, "a warp has 32 rows");
  __shared__ __attribute__((aligned(16))) float held[STAGES][SIZE];
  int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, i0 = warp / WARPS_N * high, j0 = warp % WARPS_N * ACROSS * 8;
  Gather<BM, A> a(left, m0);
  Gather<BN, B> b(right, n0);
  float sum[down][ACROSS][4] = {};
  int now = 1; // of three
#pragma unroll 1
  for (int k = k0 - 2 * depth; k < k1; k += depth) {
    now = now == 2 ? 0 : now + 1;
    int ahead = k + 2 * depth, next = now == 0 ? 2 : now - 1;
    if (k >= k0) {
      copy_wait<1>();
      __syncthreads();
    }
    if (ahead < k1) {
      a.copy(held[next], ahead, k1);
      b.copy(held[next] + BM * depth, ahead, k1);
    }
    copy_commit();
    if (k < k0) continue;
    const float *x = held[now] + i0 * depth, *y = held[now] + (BM + j0) * depth;
    if (single)
      add_products<rounded>(sum, x, y);
    else
      add_products<3>(sum, x, y);
  }
  copy_wait<0>();
  // Out through shared memory, 16 rows of each warp in a pass.
  float *stage = held[0];
  static_assert(BM / 2 * PITCH <= STAGES * SIZE, "a pass fits");
#pragma unroll 1
  for (int pass = 0; pass < down; pass++) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < down; i++)
      if (i == pass)
#pragma unroll
        for (int j = 0; j < ACROSS; j++)
#pragma unroll
          for (int half = 0; half < 2; half++) {
            float *to = stage + (i0 / 2 + half * 8 + g) * PITCH + j0 + j * 8 + 2 * t;
            to[0] = sum[i][j][2 * half], to[1] = sum[i][j][2 * half + 1];
          }
    __syncthreads();
#pragma unroll 1
    for (int e = threadIdx.x; e < BM / 2 * BN; e += 128) {
      int row = e / BN;
      store(m0 + row / 16 * high + pass * 16 + row % 16, n0 + e % BN, stage[row * PITCH + e % BN]);
    }
  }
}

#endif

// A shape is how a block computes its tile.
template <int M, int N, int K, int TM, int TN> struct Plain {
  static constexpr int BM = M, BN = N, BK = K;
  template <class A, class B, class Store>
  static __device__ __forceinline__ void product(const A &a, const B &b, int m0, int n0, int k0, int k1, int, Store store) {
    plain_product<M, N, K, TM, TN>(a, b, m0, n0, k0, k1, store);
  }
};
typedef Plain<128, 128, 8, 8, 8> plain_large;
typedef Plain<64, 64, 16, 4, 4> plain_small;

#ifdef HAVE_TF32
template <int M, int N, int WARPS_M> struct Tensor {
  static constexpr int BM = M, BN = N, BK = mma::depth;
  template <class A, class B, class Store>
  static __device__ __forceinline__ void product(const A &a, const B &b, int m0, int n0, int k0, int k1, int terms, Store store) {
    tensor_product<M, N, WARPS_M>(a, b, m0, n0, k0, k1, terms == 1, store);
  }
};
typedef Tensor<64, 128, 2> tensor_large;
typedef Tensor<64, 64, 2> tensor_small;
#endif

// A Part is what a block computes: its tile, and its part of the sum over k.
struct Part {
  int m0, n0, k0, k1;
};

template <class Shape> DEVICE_INLINE Part part_of(int m, int depth) {
  constexpr int BM = Shape::BM, BN = Shape::BN, BK = Shape::BK;
  int tiles = (m + BM - 1) / BM, steps = (depth + BK - 1) / BK, z = blockIdx.z, parts = gridDim.z;
  return Part{int(blockIdx.x % tiles) * BM, int(blockIdx.x / tiles) * BN, steps * z / parts * BK, min(depth, steps * (z + 1) / parts * BK)};
}

// A Matrix has its lines side_step and the elements of a line depth_step apart.
struct Matrix {
  typedef Element Line;
  typedef unsigned Place;
  const float *x;
  int lines, side_step, depth_step;
  __device__ __forceinline__ bool deep() const { return depth_step == 1; }
  __device__ __forceinline__ Line line(int r) const { return {unsigned(r) * side_step, r < lines}; }
  __device__ __forceinline__ Place place(int k) const { return unsigned(k) * depth_step; }
  __device__ __forceinline__ Element at(Line l, Place p) const { return {l.at + p, l.there}; }
};

// c = alpha sum + beta c; with several parts, partial = sum.
template <class Shape>
DEVICE_INLINE void multiply(float *c, float *partial, const Matrix &a, const Matrix &b, float alpha, float beta, int depth, int terms) {
  int m = a.lines, n = b.lines;
  Part p = part_of<Shape>(m, depth);
  Shape::product(a, b, p.m0, p.n0, p.k0, p.k1, terms, [=](int i, int j, float v) {
    if (i >= m || j >= n) return;
    size_t at = (size_t)i * n + j;
    if (partial)
      partial[(size_t)blockIdx.z * m * n + at] = v;
    else
      c[at] = beta == 0.f ? alpha * v : fmaf(beta, c[at], alpha * v);
  });
}

// terms is 1 where TF32 is enough on tensor cores.
#define GEMM(name, threads, blocks)                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, blocks) gemm_##name(float *c, float *partial, const float *a, const float *b, \
      float alpha, float beta, int m, int n, int depth, int a_side, int a_depth, int b_side, int b_depth, int terms) {              \
    multiply<name>(c, partial, Matrix{a, m, a_side, a_depth}, Matrix{b, n, b_side, b_depth}, alpha, beta, depth, terms);             \
  }
GEMM(plain_large, 256, 2)
GEMM(plain_small, 256, 2)
#ifdef HAVE_TF32
GEMM(tensor_large, 128, 3)
GEMM(tensor_small, 128, 4)
#endif
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

// A Spot is a pixel of an image, or a step from one to another, and as a row and a column, which tell whether there is one.
struct Spot {
  unsigned at;
  int u, v;
};

constexpr int nowhere = -(1 << 30); // a row

// The columns of Patches are the places of the window, their elements what it shows there.
struct Patches {
  typedef Spot Line, Place;
  const float *x;
  Sizes z;
  Divisor by_place, by_ow, by_taps, by_kernel;
  __device__ __forceinline__ Patches(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow), by_ow(z.ow), by_taps(z.kernel * z.kernel), by_kernel(z.kernel) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int n) const {
    int image = by_place.quotient(n), place = n - image * z.oh * z.ow, i = by_ow.quotient(place);
    int u = i * z.stride - z.padding, v = (place - i * z.ow) * z.stride - z.padding;
    return {unsigned((image * z.c * z.h + u) * z.w + v), image < z.images ? u : nowhere, v};
  }
  __device__ __forceinline__ Place place(int k) const {
    int channel = by_taps.quotient(k), tap = k - channel * z.kernel * z.kernel, i = by_kernel.quotient(tap), j = tap - i * z.kernel;
    return {unsigned((channel * z.h + i) * z.w + j), i, j};
  }
  __device__ __forceinline__ Element at(const Line &l, const Place &p) const {
    return {l.at + p.at, unsigned(l.u + p.u) < unsigned(z.h) && unsigned(l.v + p.v) < unsigned(z.w)};
  }
};

// act is the LeakyReLU that follows; slope 1 changes nothing.
DEVICE_INLINE float act(float v, float slope) { return v > 0.f ? v : slope * v; }

template <class Shape>
DEVICE_INLINE void to_small(float *y, float *partial, const float *x, const float *weight, const float *bias, float slope, const Sizes &z, int terms) {
  int place = z.oh * z.ow, columns = z.images * place, depth = z.c * z.kernel * z.kernel;
  Patches patches(x, z);
  Part p = part_of<Shape>(z.o, depth);
  Shape::product(Matrix{weight, z.o, depth, 1}, patches, p.m0, p.n0, p.k0, p.k1, terms, [&](int m, int n, float v) {
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
  typedef Element Line;
  typedef unsigned Place;
  const float *x;
  Sizes z;
  Phase f;
  Divisor by_taps, by_cols;
  __device__ __forceinline__ Taps(const float *weight, const Sizes &z, const Phase &f) : x(weight), z(z), f(f), by_taps(max(1, f.rows * f.cols)), by_cols(max(1, f.cols)) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int m) const { return {unsigned(m) * z.kernel * z.kernel, m < z.c}; }
  __device__ __forceinline__ Place place(int k) const {
    int o = by_taps.quotient(k), tap = k - o * f.rows * f.cols, i = by_cols.quotient(tap);
    return (o * z.c * z.kernel + f.a + i * z.stride) * z.kernel + f.b + (tap - i * f.cols) * z.stride;
  }
  __device__ __forceinline__ Element at(Line l, Place p) const { return {l.at + p, l.there}; }
};

struct Places {
  typedef Spot Line, Place;
  const float *x;
  Sizes z;
  Phase f;
  Divisor by_pixels, by_width, by_taps, by_cols;
  __device__ __forceinline__ Places(const float *x, const Sizes &z, const Phase &f)
      : x(x), z(z), f(f), by_pixels(max(1, f.height * f.width)), by_width(max(1, f.width)), by_taps(max(1, f.rows * f.cols)), by_cols(max(1, f.cols)) {}
  __device__ __forceinline__ bool deep() const { return false; }
  __device__ __forceinline__ Line line(int n) const {
    int image = by_pixels.quotient(n), pixel = n - image * f.height * f.width, i = by_width.quotient(pixel);
    int u = f.u0 + i, v = f.v0 + pixel - i * f.width;
    return {unsigned((image * z.o * z.oh + u) * z.ow + v), image < z.images ? u : nowhere, v};
  }
  __device__ __forceinline__ Place place(int k) const {
    int o = by_taps.quotient(k), tap = k - o * f.rows * f.cols, i = by_cols.quotient(tap), j = tap - i * f.cols;
    return {unsigned((o * z.oh - i) * z.ow - j), -i, -j};
  }
  __device__ __forceinline__ Element at(const Line &l, const Place &p) const {
    return {l.at + p.at, unsigned(l.u + p.u) < unsigned(z.oh) && unsigned(l.v + p.v) < unsigned(z.ow)};
  }
};

template <class Shape>
DEVICE_INLINE void to_large(float *y, float *partial, const float *x, const float *weight, const float *bias, float slope, const Sizes &z, int terms) {
  Phase f(z, blockIdx.y);
  int columns = z.images * f.height * f.width, depth = z.o * f.rows * f.cols;
  Part p = part_of<Shape>(z.c, depth);
  if (p.n0 >= columns) return; // the grid is that of the largest phase
  Places places(x, z, f);
  Shape::product(Taps(weight, z, f), places, p.m0, p.n0, p.k0, p.k1, terms, [&](int m, int n, float v) {
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
  typedef Element Line;
  typedef unsigned Place;
  const float *x;
  Sizes z;
  Divisor by_place;
  __device__ __forceinline__ Pixels(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow) {}
  __device__ __forceinline__ bool deep() const { return true; }
  __device__ __forceinline__ Line line(int m) const { return {unsigned(m) * z.oh * z.ow, m < z.o}; }
  __device__ __forceinline__ Place place(int k) const {
    int places = z.oh * z.ow, image = by_place.quotient(k);
    return image * z.o * places + k - image * places;
  }
  __device__ __forceinline__ Element at(Line l, Place p) const { return {l.at + p, l.there}; }
};

struct Windows {
  typedef Spot Line, Place;
  const float *x;
  Sizes z;
  Divisor by_place, by_ow, by_taps, by_kernel;
  __device__ __forceinline__ Windows(const float *x, const Sizes &z) : x(x), z(z), by_place(z.oh * z.ow), by_ow(z.ow), by_taps(z.kernel * z.kernel), by_kernel(z.kernel) {}
  __device__ __forceinline__ bool deep() const { return true; }
  __device__ __forceinline__ Line line(int n) const {
    int channel = by_taps.quotient(n), tap = n - channel * z.kernel * z.kernel, i = by_kernel.quotient(tap);
    int u = i - z.padding, v = tap - i * z.kernel - z.padding;
    return {unsigned((channel * z.h + u) * z.w + v), channel < z.c ? u : nowhere, v};
  }
  __device__ __forceinline__ Place place(int k) const {
    int image = by_place.quotient(k), place = k - image * z.oh * z.ow, i = by_ow.quotient(place), u = i * z.stride, v = (place - i * z.ow) * z.stride;
    return {unsigned((image * z.c * z.h + u) * z.w + v), u, v};
  }
  __device__ __forceinline__ Element at(const Line &l, const Place &p) const {
    return {l.at + p.at, unsigned(l.u + p.u) < unsigned(z.h) && unsigned(l.v + p.v) < unsigned(z.w)};
  }
};

template <class Shape>
DEVICE_INLINE void to_weight(float *dweight, float *partial, const float *small, const float *large, const Sizes &z, int terms) {
  int columns = z.c * z.kernel * z.kernel, depth = z.images * z.oh * z.ow;
  Part p = part_of<Shape>(z.o, depth);
  Shape::product(Pixels(small, z), Windows(large, z), p.m0, p.n0, p.k0, p.k1, terms, [=](int m, int n, float v) {
    if (m >= z.o || n >= columns) return;
    size_t at = (size_t)m * columns + n;
    if (partial)
      partial[(size_t)blockIdx.z * columns * z.o + at] = v;
    else
      dweight[at] += v;
  });
}

#define SIZES int images, int c, int h, int w, int o, int oh, int ow, int kernel, int stride, int padding
#define CONV(name, threads, blocks)                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, blocks) conv_##name(float *y, float *partial, const float *x,                \
      const float *weight, const float *bias, float slope, SIZES, int terms) {                                                      \
    to_small<name>(y, partial, x, weight, bias, slope, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding}, terms);           \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, blocks) conv_transpose_##name(float *y, float *partial, const float *x,      \
      const float *weight, const float *bias, float slope, SIZES, int terms) {                                                      \
    to_large<name>(y, partial, x, weight, bias, slope, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding}, terms);           \
  }                                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, blocks) conv_weight_##name(float *dweight, float *partial, const float *small, \
      const float *large, SIZES, int terms) {                                                                                       \
    to_weight<name>(dweight, partial, small, large, Sizes{images, c, h, w, o, oh, ow, kernel, stride, padding}, terms);              \
  }
CONV(plain_large, 256, 2)
CONV(plain_small, 256, 2)
#ifdef HAVE_TF32
CONV(tensor_large, 128, 3)
CONV(tensor_small, 128, 4)
#endif
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

using gemm::conv_join, gemm::conv_plain_large, gemm::conv_plain_small, gemm::conv_transpose_plain_large, gemm::conv_transpose_plain_small,
    gemm::conv_weight_plain_large, gemm::conv_weight_plain_small, gemm::gemm_join, gemm::gemm_plain_large, gemm::gemm_plain_small;
#ifdef HAVE_TF32
using gemm::conv_tensor_large, gemm::conv_tensor_small, gemm::conv_transpose_tensor_large, gemm::conv_transpose_tensor_small,
    gemm::conv_weight_tensor_large, gemm::conv_weight_tensor_small, gemm::gemm_tensor_large, gemm::gemm_tensor_small;
#endif
