// Binary logarithms and exponentials in double precision, where no library of the device's is: for what is done once a row.
#pragma once
#include "common.cuh"

// log2_double returns the binary logarithm of a normal x > 0 to 2^-51 relative, or absolute where it is below 1:
//
//     log2 x = e + 2/log(2) artanh(t)        x = 2^e m,  m in [sqrt(1/2), sqrt(2)),  t = (m-1)/(m+1)
//
// by the power series to t^23, the rest of which is below 2^-56.
DEVICE_INLINE double log2_double(double x) {
    long long bits = __builtin_bit_cast(long long, x);
    long long e = (bits - 0x3fe6a09e667f3bcdll) >> 52;
    double m = __builtin_bit_cast(double, bits - (e << 52)), t = (m - 1) / (m + 1), q = t * t, sum = 0;
#pragma unroll
    for (int k = 23; k >= 1; k -= 2) sum = fma(sum, q, 1. / k);
    return fma(t * sum, 2.8853900817779268, double(e)); // 2/log 2
}

// exp2_double returns 2^x to 2^-51 relative, 0 below the normal numbers and +Inf above them, by the power series to r^13.
DEVICE_INLINE double exp2_double(double x) {
    if (!(x > -1022)) return 0;
    if (x >= 1024) return __builtin_inf();
    double k = __builtin_rint(x), r = (x - k) * .6931471805599453, sum = 1;
#pragma unroll
    for (int n = 13; n >= 1; n--) sum = fma(sum * r, 1. / n, 1.);
    int half = int(k) / 2; // k = 1024 has no power of its own
    double p = __builtin_bit_cast(double, (long long)(half + 1023) << 52), q = __builtin_bit_cast(double, (long long)(int(k) - half + 1023) << 52);
    return sum * p * q;
}
