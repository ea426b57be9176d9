// y <- y + a x, element by element.
#include "common.cuh"

extern "C" __global__ void vector_axpy(float *__restrict__ y, const float *__restrict__ x, float a, long long n) {
    long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) y[i] = fmaf(a, x[i], y[i]);
}
