// Products of small matrices on tensor cores, by all lanes of a warp together: mma.sync of TF32, from sm_80 on, with a twin on the host.
//
// A TF32 number is a float32 number whose last 13 bits are 0, and those bits of an operand are not read. With g = lane/4 and t = lane%4,
//
//     d (16 x 8) += a (16 x 8) b (8 x 8)
//     a[0..3] = a(g, t), a(g+8, t), a(g, t+4), a(g+8, t+4)
//     b[0..1] = b(t, g), b(t+4, g)
//     d[0..3] = d(g, 2t), d(g, 2t+1), d(g+8, 2t), d(g+8, 2t+1)
//
// Products are exact; the sum of a call is rounded towards zero.
#pragma once
#include "common.cuh"

#if !defined(__CUDA__) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define HAVE_TF32 1

#ifdef __CUDA__

DEVICE_INLINE void mma_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#else

namespace shim {

struct Mma {
    unsigned a[4], b[2];
    float *d;
};
static void multiply_add(void **lanes, int) {
    float a[16][8], b[8][8]; // (row, k), (k, column)
    for (int lane = 0; lane < 32; lane++) {
        const Mma &m = *static_cast<Mma *>(lanes[lane]);
        int g = lane / 4, t = lane % 4;
        for (int k = 0; k < 4; k++) a[g + k % 2 * 8][t + k / 2 * 4] = __uint_as_float(m.a[k] & 0xffffe000u);
        for (int k = 0; k < 2; k++) b[t + 4 * k][g] = __uint_as_float(m.b[k] & 0xffffe000u);
    }
    for (int row = 0; row < 16; row++) {
        float d[8];
        double sum[8];
        for (int c = 0; c < 8; c++) sum[c] = static_cast<Mma *>(lanes[row % 8 * 4 + c / 2])->d[row / 8 * 2 + c % 2];
        for (int k = 0; k < 8; k++)
            for (int c = 0; c < 8; c++) sum[c] += double(a[row][k]) * double(b[k][c]);
        for (int c = 0; c < 8; c++) {
            d[c] = float(sum[c]);
            if (__builtin_fabs(double(d[c])) > __builtin_fabs(sum[c])) d[c] = __uint_as_float(__float_as_uint(d[c]) - 1); // towards zero
            static_cast<Mma *>(lanes[row % 8 * 4 + c / 2])->d[row / 8 * 2 + c % 2] = d[c];
        }
    }
}

} // namespace shim

DEVICE_INLINE void mma_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, SHIM_PLACE) {
    shim::Mma m = {{a[0], a[1], a[2], a[3]}, {b0, b1}, d};
    shim::meet({"mma_tf32", shim::multiply_add, false, full_warp, {file, line}}, &m);
}

#endif

// tf32_high returns x rounded to TF32, half away from zero; what is left is exact, and has 11 bits more of x when it is cut off to TF32.
DEVICE_INLINE unsigned tf32_high(float x) { return (__float_as_uint(x) + 0x1000u) & 0xffffe000u; }
DEVICE_INLINE unsigned tf32_low(float x, unsigned high) { return __float_as_uint(x - __uint_as_float(high)); }

#endif
