// The functions of CUDA C++ on a device. The shim has the same in shim/intrinsics.cuh.
#pragma once

#define DEVICE_INLINE static __device__ __forceinline__

constexpr unsigned full_warp = 0xffffffffu;

DEVICE_INLINE void __syncwarp(unsigned mask = full_warp) { __nvvm_bar_warp_sync(mask); }
DEVICE_INLINE void __threadfence() { __nvvm_membar_gl(); }
DEVICE_INLINE void __threadfence_block() { __nvvm_membar_cta(); }

DEVICE_INLINE unsigned __ballot_sync(unsigned mask, int predicate) { return __nvvm_vote_ballot_sync(mask, predicate != 0); }
DEVICE_INLINE int __any_sync(unsigned mask, int predicate) { return __nvvm_vote_any_sync(mask, predicate != 0); }
DEVICE_INLINE int __all_sync(unsigned mask, int predicate) { return __nvvm_vote_all_sync(mask, predicate != 0); }

DEVICE_INLINE int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
DEVICE_INLINE unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
DEVICE_INLINE float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
DEVICE_INLINE float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }

// The shuffles of 32 and of 64 bits. The last argument of the instruction holds the width of a group and the last lane that may be read.
#define SHUFFLE(name, mode, last)                                                                                     \
    DEVICE_INLINE int name(unsigned mask, int v, unsigned lane, int width = 32) {                                     \
        return __nvvm_shfl_sync_##mode##_i32(mask, v, lane, ((32 - width) << 8) | last);                              \
    }                                                                                                                 \
    DEVICE_INLINE unsigned name(unsigned mask, unsigned v, unsigned lane, int width = 32) {                           \
        return unsigned(name(mask, int(v), lane, width));                                                             \
    }                                                                                                                 \
    DEVICE_INLINE float name(unsigned mask, float v, unsigned lane, int width = 32) {                                 \
        return __nvvm_shfl_sync_##mode##_f32(mask, v, lane, ((32 - width) << 8) | last);                              \
    }                                                                                                                 \
    DEVICE_INLINE long long name(unsigned mask, long long v, unsigned lane, int width = 32) {                         \
        unsigned low = name(mask, unsigned(v), lane, width), high = name(mask, unsigned(v >> 32), lane, width);       \
        return (long long)((unsigned long long)high << 32 | low);                                                     \
    }                                                                                                                 \
    DEVICE_INLINE double name(unsigned mask, double v, unsigned lane, int width = 32) {                               \
        return __builtin_bit_cast(double, name(mask, __builtin_bit_cast(long long, v), lane, width));                 \
    }
SHUFFLE(__shfl_sync, idx, 0x1f)
SHUFFLE(__shfl_up_sync, up, 0)
SHUFFLE(__shfl_down_sync, down, 0x1f)
SHUFFLE(__shfl_xor_sync, bfly, 0x1f)
#undef SHUFFLE

DEVICE_INLINE float atomicAdd(float *p, float v) { return __nvvm_atom_add_gen_f(p, v); }
DEVICE_INLINE double atomicAdd(double *p, double v) { return __nvvm_atom_add_gen_d(p, v); }
DEVICE_INLINE int atomicAdd(int *p, int v) { return __nvvm_atom_add_gen_i(p, v); }
DEVICE_INLINE unsigned atomicAdd(unsigned *p, unsigned v) { return unsigned(__nvvm_atom_add_gen_i((int *)p, int(v))); }
DEVICE_INLINE int atomicMax(int *p, int v) { return __nvvm_atom_max_gen_i(p, v); }
DEVICE_INLINE int atomicMin(int *p, int v) { return __nvvm_atom_min_gen_i(p, v); }
DEVICE_INLINE int atomicExch(int *p, int v) { return __nvvm_atom_xchg_gen_i(p, v); }
DEVICE_INLINE int atomicCAS(int *p, int old, int v) { return __nvvm_atom_cas_gen_i(p, old, v); }

DEVICE_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
DEVICE_INLINE int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
DEVICE_INLINE int __ffs(int x) { return __builtin_ffs(x); }

DEVICE_INLINE float fabsf(float x) { return __builtin_fabsf(x); }
DEVICE_INLINE double fabs(double x) { return __builtin_fabs(x); }
DEVICE_INLINE float fmaf(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
DEVICE_INLINE double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }
DEVICE_INLINE float fminf(float x, float y) { return __builtin_fminf(x, y); }
DEVICE_INLINE float fmaxf(float x, float y) { return __builtin_fmaxf(x, y); }
DEVICE_INLINE double fmin(double x, double y) { return __builtin_fmin(x, y); }
DEVICE_INLINE double fmax(double x, double y) { return __builtin_fmax(x, y); }
DEVICE_INLINE float floorf(float x) { return __builtin_floorf(x); }
DEVICE_INLINE float ceilf(float x) { return __builtin_ceilf(x); }
DEVICE_INLINE float truncf(float x) { return __builtin_truncf(x); }
DEVICE_INLINE float rintf(float x) { return __builtin_rintf(x); }
DEVICE_INLINE float copysignf(float x, float y) { return __builtin_copysignf(x, y); }
DEVICE_INLINE float sqrtf(float x) { return __nvvm_sqrt_rn_f(x); }
DEVICE_INLINE double sqrt(double x) { return __nvvm_sqrt_rn_d(x); }
DEVICE_INLINE int min(int x, int y) { return x < y ? x : y; }
DEVICE_INLINE int max(int x, int y) { return x < y ? y : x; }

// The approximations of the special function unit. Errors as the CUDA C++ Programming Guide and the PTX manual give them; denormal
// arguments and results are zero.
DEVICE_INLINE float exp2_approx(float x) { return __nvvm_ex2_approx_ftz_f(x); }       // 2 ULP
DEVICE_INLINE float log2_approx(float x) { return __nvvm_lg2_approx_ftz_f(x); }       // 2^-22 absolute in [.5, 2], else 2 ULP
DEVICE_INLINE float rsqrt_approx(float x) { return __nvvm_rsqrt_approx_ftz_f(x); }    // 2^-22.9 relative
DEVICE_INLINE float reciprocal_approx(float x) { return __nvvm_rcp_approx_ftz_f(x); } // 1 ULP
