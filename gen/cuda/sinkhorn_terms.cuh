// What the kernels of Sinkhorn's algorithm have in common: exponents, and sums of their exponentials.
//
// In base-2 units, with kappa = log2(e)/eps, F_i the potential of a row and H_j that of a column with the binary logarithm of its weight in
// it, a pass over rows forms
//
//     s_i = sum_j 2^(F_i + H_j - kappa C_ij)
//
// and a pass over columns is the same with the sides exchanged. What depends on i or j alone in the cost is taken into the potentials,
// in double precision before they are rounded, so that with u_i, v_j the rounded rest and p_ij what the pair has of its own,
//
//     F_i + H_j - kappa C_ij = u_i + v_j + alpha p_ij
//
//     |x-y|^2 and half of it    p = <x,y>         alpha = 2 kappa, kappa      kappa |x|^2 and kappa |y|^2 are in u and v
//     the same by differences   p = |x-y|^2       alpha = -kappa, -kappa/2
//     -<x,y>                    p = <x,y>         alpha = kappa
//     1 - <x,y>                 p = min(<x,y>, 1) alpha = kappa               kappa is in v
//     |x-y|                     p = |x-y|         alpha = -kappa
//     stored                    p = C             alpha = -kappa
//
// Clouds are padded with points at the origin, to a multiple of the tallest tile, whose v is -Inf and whose u is 0: no kernel asks where a
// cloud ends. Each pass cuts the columns into gridDim.y parts of whole tiles and leaves a sum for each; see sinkhorn_update.cu for
// how they are joined. The order of every sum depends on sizes alone.
//
// Exponentials are ex2.approx.ftz.f32, with an error of 2 ULP; that unit takes 16 of them in a cycle and multiprocessor, where 128
// multiplications are made.
#pragma once
#include "common.cuh"

#ifdef __CUDA__
DEVICE_INLINE float sqrt_approx(float x) { return __nvvm_sqrt_approx_ftz_f(x); } // 2^-23 relative; 1 instruction of the unit of exponentials
#else
DEVICE_INLINE float sqrt_approx(float x) { return sqrtf(x); }
#endif

namespace sinkhorn {

// What a pass leaves for a row, in the order of planes of its result.
enum Mode {
    shift, // sum_j 2^z_ij: the potentials are near, so that sums stay in range
    full,  // sum_j 2^(z_ij - top), top near the largest z_ij, sum_j 2^(z_ij - top) C_ij: for any potentials, and for costs
};

// What is done to a sum of products or squares before it enters the exponent.
enum Finish {
    as_is,
    clamped, // min(p, 1)
    rooted,  // sqrt(max(0, beta p + cx_i + cy_j))
};

constexpr float bottom = -1e30f; // a maximum of nothing, which may be taken from -Inf and from itself

// A Sum is what a pass has seen of a row; of a shifted one sum alone is set.
struct Sum {
    float sum, top, cost;
};

DEVICE_INLINE Sum nothing() { return {0.f, bottom, 0.f}; }

// add takes count exponents, and the costs that belong to them, into a sum.
template <int mode, int count> DEVICE_INLINE void add(Sum &s, const float (&z)[count], const float (&c)[count]) {
    float few = 0.f;
    if (mode == shift) {
#pragma unroll
        for (int k = 0; k < count; k++) few += exp2_approx(z[k]);
        s.sum += few;
        return;
    }
    float top = s.top, cost = 0.f;
#pragma unroll
    for (int k = 0; k < count; k++) top = fmaxf(top, z[k]);
    float scale = exp2_approx(s.top - top);
#pragma unroll
    for (int k = 0; k < count; k++) {
        float e = exp2_approx(z[k] - top);
        few += e;
        cost += e > 0.f ? e * c[k] : 0.f; // the cost of a forbidden pair is infinite
    }
    s = {fmaf(s.sum, scale, few), top, fmaf(s.cost, scale, cost)};
}

// joined returns the sum over two sets of columns.
template <int mode> DEVICE_INLINE Sum joined(Sum s, Sum t) {
    if (mode == shift) return {s.sum + t.sum, 0.f, 0.f};
    float top = fmaxf(s.top, t.top), p = exp2_approx(s.top - top), q = exp2_approx(t.top - top);
    return {fmaf(s.sum, p, t.sum * q), top, fmaf(s.cost, p, t.cost * q)};
}

// over_lanes returns to the first lane of each group of width lanes, a power of two, the sum over the group.
template <int mode> DEVICE_INLINE Sum over_lanes(Sum s, int width) {
    for (int step = width / 2; step > 0; step /= 2) {
        Sum t = s;
        t.sum = __shfl_xor_sync(full_warp, s.sum, step);
        if (mode == full) {
            t.top = __shfl_xor_sync(full_warp, s.top, step);
            t.cost = __shfl_xor_sync(full_warp, s.cost, step);
        }
        s = joined<mode>(s, t);
    }
    return s;
}

// store writes the sum of row i over part of parts of the columns.
template <int mode> DEVICE_INLINE void store(float *out, Sum s, int part, int parts, int rows, int i) {
    out[(size_t)part * rows + i] = s.sum;
    if (mode == full) {
        out[(size_t)(parts + part) * rows + i] = s.top;
        out[(size_t)(2 * parts + part) * rows + i] = s.cost;
    }
}

// first_tile returns the first of count tiles of columns that belong to a part.
DEVICE_INLINE int first_tile(int count, int part, int parts) { return int((long long)count * part / parts); }

// A Cost says how exponents and costs follow from products; see the head of this file. For costs, C_ij = beta p_ij + cx_i + cy_j, and the
// root itself where it is taken.
struct Cost {
    float alpha, beta;
    int finish;
};

// finished turns a sum of products or squares into p.
DEVICE_INLINE float finished(const Cost &cost, float p, float cx, float cy) {
    if (cost.finish == clamped) return fminf(p, 1.f);
    if (cost.finish == rooted) return sqrt_approx(fmaxf(fmaf(cost.beta, p, cx + cy), 0.f));
    return p;
}

DEVICE_INLINE float cost_of(const Cost &cost, float p, float cx, float cy) {
    return cost.finish == rooted ? p : fmaf(cost.beta, p, cx + cy);
}

} // namespace sinkhorn
