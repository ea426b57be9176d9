// The updates of potentials from the sums of a pass, and what else is done once a row. A thread owns a row; potentials are held in
// double, and rounded to float32 after what belongs to the row alone in the cost is taken out of them.
#include "double.cuh"
#include "sinkhorn_terms.cuh"

namespace sinkhorn {

// A Side is the rows or the columns of a problem. It lies in the memory of the device, laid out as type side of package cuda has it.
struct Side {
    int n, padded;             // points, and with those that fill up the last tile
    double *potential;         // F, or G without log2 of the weights
    float *u, *v;              // rounded, as a row of a pass and as one of its columns
    float *packed;             // points in few dimensions, width numbers each, v in slot; or null
    int width, slot;
    const double *weight, *logarithm; // and its binary logarithm
    const double *norm;        // what of the cost, over kappa, is in u and v
    const double *taken;       // the terms that were taken out of the cost; or null
    double rho;
    int penalty, unused;       // of the marginal
};

enum Penalty { exact, kl, tv, part };

// A Source is where the costs of the rows of a pass come from, for sums that are taken again; type source of package cuda.
struct Source {
    const float *x, *y;        // of rows and of columns; x alone for a stored cost
    const float *cx, *cy;
    const float *v;            // of columns
    long long down, right;     // between points, or between entries of a stored cost along and across the sum
    int m, d;                  // columns; coordinates, 0 for a stored cost, -d for differences
    float beta;
    int finish;
};

// product returns the p of an entry.
DEVICE_INLINE float product(const Source &from, int i, int j) {
    const float *x = from.x + i * from.down;
    if (from.d == 0) return x[j * from.right];
    const float *y = from.y + j * from.right;
    float p = 0.f;
    for (int k = 0; k < from.d; k++) p = fmaf(x[k], y[k], p);
    for (int k = 0; k < -from.d; k++) p = fmaf(x[k] - y[k], x[k] - y[k], p);
    return finished(Cost{0.f, from.beta, from.finish}, p, from.cx[i], from.cy[j]);
}

constexpr int threads = 256;

// again returns the logarithm of the sum of a row with its own maximum as the shift, by all threads of a block.
DEVICE_INLINE double again(const Source &from, float alpha, float u, int i, float (&tops)[threads], float (&sums)[threads]) {
    Sum s = nothing();
    for (int j = threadIdx.x; j < from.m; j += threads) {
        float z[1] = {fmaf(alpha, product(from, i, j), u + from.v[j])}, c[1] = {0.f};
        add<full>(s, z, c);
    }
    tops[threadIdx.x] = s.top, sums[threadIdx.x] = s.sum;
    __syncthreads();
    for (int step = threads / 2; step > 0; step /= 2) {
        if ((int)threadIdx.x < step) {
            int k = threadIdx.x;
            s = joined<full>(Sum{sums[k], tops[k], 0.f}, Sum{sums[k + step], tops[k + step], 0.f});
            tops[k] = s.top, sums[k] = s.sum;
        }
        __syncthreads();
    }
    double result = tops[0] + log2_double(sums[0]);
    __syncthreads();
    return result;
}

// log_sum joins the parts of a row's sum and returns its logarithm, and the factor of its costs if asked; NaN for a sum that has left
// the range in which float32 loses nothing.
DEVICE_INLINE double log_sum(const float *sums, int parts, int padded, int i, bool tops, double *costs) {
    size_t plane = (size_t)parts * padded;
    double sum = 0;
    if (!tops) {
        for (int k = 0; k < parts; k++) sum += sums[(size_t)k * padded + i];
        return sum >= 0x1p-80 && sum <= 0x1p100 ? log2_double(sum) : __builtin_nan("");
    }
    float top = bottom;
    for (int k = 0; k < parts; k++) top = fmaxf(top, sums[plane + (size_t)k * padded + i]);
    double cost = 0;
    for (int k = 0; k < parts; k++) {
        size_t at = (size_t)k * padded + i;
        double scale = exp2_double(double(sums[plane + at]) - top);
        sum += scale * sums[at];
        cost += scale * sums[2 * plane + at];
    }
    if (costs) *costs = cost * exp2_double(top);
    return top + log2_double(sum);
}

// relax applies a reach to a soft minimum.
DEVICE_INLINE double relax(const Side &s, double soft, double kappa, int i) {
    if (s.penalty == exact) return soft;
    double taken = s.taken ? s.taken[i] : 0, h = soft / kappa + taken;
    switch (s.penalty) {
    case kl: h *= s.rho / (s.rho + 1.4426950408889634 / kappa); break; // eps = log2(e)/kappa
    case tv: h = fmax(-s.rho, fmin(s.rho, h)); break;
    default: h = fmin(s.rho, h);
    }
    return kappa * (h - taken);
}

// miss is the distance of a marginal from what the potential says that it should be.
DEVICE_INLINE double miss(const Side &s, double marginal, double potential, double kappa, int i) {
    double w = s.weight[i];
    if (s.penalty != exact) {
        double h = potential / kappa + (s.taken ? s.taken[i] : 0), end = s.rho * (1 - 0x1p-18);
        if (s.penalty == kl) {
            w *= exp2_double(-h / s.rho * 1.4426950408889634);
        } else {
            if (h >= end) return fmax(0, marginal - w);
            if (s.penalty == tv && h <= -end) return fmax(0, w - marginal);
        }
    }
    return fabs(marginal - w);
}

// place rounds the potential of point i for the passes.
DEVICE_INLINE void place(const Side &s, int i, double potential, double kappa) {
    double own = kappa * s.norm[i];
    float v = float(potential + s.logarithm[i] - own);
    s.potential[i] = potential;
    s.u[i] = float(potential - own);
    s.v[i] = v;
    if (s.packed) s.packed[(size_t)i * s.width + s.slot] = v;
}

// total returns the sum over a block to its first thread.
DEVICE_INLINE double total(double x, double (&held)[threads]) {
    held[threadIdx.x] = x;
    __syncthreads();
    for (int step = threads / 2; step > 0; step /= 2) {
        if ((int)threadIdx.x < step) held[threadIdx.x] += held[threadIdx.x + step];
        __syncthreads();
    }
    return held[0];
}

} // namespace sinkhorn

// sinkhorn_prepare rounds the potentials of a side for a new temperature, from those of like, which may be itself.
extern "C" __global__ void __launch_bounds__(256) sinkhorn_prepare(const sinkhorn::Side *side, const double *like, double kappa) {
    using namespace sinkhorn;
    const Side &s = *side;
    int i = blockIdx.x * threads + threadIdx.x;
    if (i < s.n) {
        place(s, i, like[i], kappa);
    } else if (i < s.padded) {
        s.u[i] = 0.f;
        s.v[i] = -__builtin_inff();
        if (s.packed) s.packed[(size_t)i * s.width + s.slot] = -__builtin_inff();
    }
}

// sinkhorn_update moves the potentials of a side by the sums that a pass left:
//
//     s_i = log2 sum_j 2^(H_j - kappa C_ij)          F_i <- F_i + omega (relax_i(-s_i) - F_i)
//
// or, where mirror is not null, half way, from the potential h_i of the other side of a problem against itself, which follows:
//
//     F_i <- (h_i + relax_i(-s_i))/2
//
// errors, where not null, takes a sum for each block of miss(w_i 2^(F_i + s_i), w_i, F_i), with the F_i (h_i) of before. redone counts the
// sums that were taken again, from their source, because they had left the range of float32. Without tops the sums are
// those of a shifted pass, else of a full one.
//
// Work per row: parts numbers read, a logarithm in double; it is bound by the time that a launch takes, some microseconds.
extern "C" __global__ void __launch_bounds__(256)
    sinkhorn_update(const sinkhorn::Side *side, const sinkhorn::Source *from, const sinkhorn::Side *mirror, const float *sums, int parts,
                    int tops, double kappa, double omega, float alpha, double *errors, int *redone) {
    using namespace sinkhorn;
    __shared__ double held[threads];
    __shared__ float far[2][threads];
    __shared__ int any;
    const Side &s = *side;
    int i = blockIdx.x * threads + threadIdx.x;
    if (threadIdx.x == 0) any = 0;
    __syncthreads();
    double log = i < s.n ? log_sum(sums, parts, s.padded, i, tops, nullptr) : 0;
    held[threadIdx.x] = log;
    if (log != log) any = 1;
    __syncthreads();
    if (any) {
        for (int r = 0; r < threads; r++) {
            if (held[r] == held[r]) continue;
            int row = blockIdx.x * threads + r;
            double sum = again(*from, alpha, s.u[row], row, far[0], far[1]);
            if ((int)threadIdx.x == r) {
                log = sum;
                atomicAdd(redone, 1);
            }
        }
        __syncthreads();
    }
    double error = 0;
    if (i < s.n) {
        double shift = double(s.u[i]) + kappa * s.norm[i], target = relax(s, shift - log, kappa, i);
        if (mirror) {
            double h = mirror->potential[i];
            error = 2 * miss(s, s.weight[i] * exp2_double(h - shift + log), h, kappa, i);
            target = (h + target) / 2;
            place(*mirror, i, target, kappa);
        } else {
            if (errors) error = miss(s, s.weight[i] * exp2_double(log), shift, kappa, i);
            if (omega != 1) target = fma(omega, target - shift, shift);
        }
        place(s, i, target, kappa);
    }
    if (!errors) return;
    error = total(error, held);
    if (threadIdx.x == 0) errors[blockIdx.x] = error;
}

// sinkhorn_weigh sets marginals and costs of rows from what a full pass left: w_i sum_j e_ij and w_i sum_j e_ij C_ij. costs may be null.
extern "C" __global__ void __launch_bounds__(256) sinkhorn_weigh(const float *sums, int parts, int padded, int n, const double *weight,
                                                                 double *marginals, double *costs) {
    using namespace sinkhorn;
    int i = blockIdx.x * threads + threadIdx.x;
    if (i >= n) return;
    double cost;
    marginals[i] = weight[i] * exp2_double(log_sum(sums, parts, padded, i, true, &cost));
    if (costs) costs[i] = weight[i] * cost;
}
