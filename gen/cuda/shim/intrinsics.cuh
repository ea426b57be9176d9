// The functions of CUDA C++ on the simulated device. See device.cuh for those of a device.
#pragma once

#define SHIM_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

DEVICE_INLINE void __syncthreads(SHIM_PLACE) { shim::meet({"__syncthreads", nullptr, true, 0, {file, line}}, nullptr); }
DEVICE_INLINE void __syncwarp(unsigned mask = full_warp, SHIM_PLACE) { shim::meet({"__syncwarp", nullptr, false, mask, {file, line}}, nullptr); }
DEVICE_INLINE void __threadfence() {}
DEVICE_INLINE void __threadfence_block() {}

namespace shim {

struct Vote {
    bool mine;
    unsigned ballot, named;
};
static void count_votes(void **data, int count) {
    unsigned ballot = 0, named = 0;
    for (int i = 0; i < count; i++)
        if (data[i] != nullptr) named |= 1u << i, ballot |= unsigned(static_cast<Vote *>(data[i])->mine) << i;
    for (int i = 0; i < count; i++)
        if (data[i] != nullptr) static_cast<Vote *>(data[i])->ballot = ballot, static_cast<Vote *>(data[i])->named = named;
}
static Vote vote(const char *name, unsigned mask, int predicate, Place at) {
    Vote v = {predicate != 0, 0, 0};
    meet({name, count_votes, false, mask, at}, &v);
    return v;
}

struct Shuffle {
    uint64_t mine, read;
    int from; // the lane to read
    bool missing;
};
static void exchange(void **data, int count) {
    for (int i = 0; i < count; i++) {
        Shuffle *s = static_cast<Shuffle *>(data[i]);
        if (s == nullptr) continue;
        Shuffle *other = static_cast<Shuffle *>(data[s->from]);
        s->missing = other == nullptr;
        if (!s->missing) s->read = other->mine;
    }
}
template <class T> T shuffle(const char *name, unsigned mask, T v, int from, Place at) {
    Shuffle s = {};
    memcpy(&s.mine, &v, sizeof v);
    s.from = from;
    meet({name, exchange, false, mask, at}, &s);
    if (s.missing) fault("%s:%d: %s reads lane %d, which does not take part (mask %#x)", at.file, at.line, name, from, mask);
    memcpy(&v, &s.read, sizeof v);
    return v;
}

// in_group returns lane where it is in the group of width lanes that the own lane is in, else the own lane.
static int in_group(int lane, int width) {
    int own = current % warp_lanes;
    return lane >= own / width * width && lane < own / width * width + width ? lane : own;
}

} // namespace shim

DEVICE_INLINE unsigned __ballot_sync(unsigned mask, int p, SHIM_PLACE) { return shim::vote("__ballot_sync", mask, p, {file, line}).ballot; }
DEVICE_INLINE int __any_sync(unsigned mask, int p, SHIM_PLACE) { return shim::vote("__any_sync", mask, p, {file, line}).ballot != 0; }
DEVICE_INLINE int __all_sync(unsigned mask, int p, SHIM_PLACE) {
    auto v = shim::vote("__all_sync", mask, p, {file, line});
    return v.ballot == v.named;
}

// The shuffles are of 32 and of 64 bits: int, unsigned, float, long long and double.
template <class T> T __shfl_sync(unsigned mask, T v, unsigned lane, int width = 32, SHIM_PLACE) {
    int own = shim::current % warpSize;
    return shim::shuffle("__shfl_sync", mask, v, own / width * width + int(lane % unsigned(width)), {file, line});
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32, SHIM_PLACE) {
    return shim::shuffle("__shfl_up_sync", mask, v, shim::in_group(shim::current % warpSize - int(by), width), {file, line});
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32, SHIM_PLACE) {
    return shim::shuffle("__shfl_down_sync", mask, v, shim::in_group(shim::current % warpSize + int(by), width), {file, line});
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, unsigned with, int width = 32, SHIM_PLACE) {
    // A lane of a later group is out of reach, one of an earlier group is not.
    int own = shim::current % warpSize, lane = own ^ int(with);
    return shim::shuffle("__shfl_xor_sync", mask, v, lane < own / width * width + width ? lane : own, {file, line});
}

// Blocks of one launch may run on several processors at once.
namespace shim {
template <class T, class F> T update(T *p, F f) {
    T old = *p, now;
    do
        now = f(old);
    while (!__atomic_compare_exchange(p, &old, &now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return old;
}
} // namespace shim
DEVICE_INLINE float atomicAdd(float *p, float v) { return shim::update(p, [v](float x) { return x + v; }); }
DEVICE_INLINE double atomicAdd(double *p, double v) { return shim::update(p, [v](double x) { return x + v; }); }
DEVICE_INLINE int atomicAdd(int *p, int v) { return shim::update(p, [v](int x) { return int(unsigned(x) + unsigned(v)); }); }
DEVICE_INLINE unsigned atomicAdd(unsigned *p, unsigned v) { return shim::update(p, [v](unsigned x) { return x + v; }); }
DEVICE_INLINE int atomicMax(int *p, int v) { return shim::update(p, [v](int x) { return x < v ? v : x; }); }
DEVICE_INLINE int atomicMin(int *p, int v) { return shim::update(p, [v](int x) { return v < x ? v : x; }); }
DEVICE_INLINE int atomicExch(int *p, int v) { return shim::update(p, [v](int) { return v; }); }
DEVICE_INLINE int atomicCAS(int *p, int old, int v) { return shim::update(p, [=](int x) { return x == old ? v : x; }); }

DEVICE_INLINE int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
DEVICE_INLINE unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
DEVICE_INLINE float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
DEVICE_INLINE float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
DEVICE_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
DEVICE_INLINE int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
DEVICE_INLINE int __ffs(int x) { return __builtin_ffs(x); }
DEVICE_INLINE int min(int x, int y) { return x < y ? x : y; }
DEVICE_INLINE int max(int x, int y) { return x < y ? y : x; }

namespace shim {
// check_aligned reports an address that an instruction for several numbers would refuse.
DEVICE_INLINE void check_aligned(const void *p, unsigned bytes, Place at) {
    if (uintptr_t(p) % bytes != 0) fault("%s:%d: the address %p is no multiple of %u", at.file, at.line, p, bytes);
}
} // namespace shim

// The approximations of the special function unit: here rounded rightly, with denormal arguments and results as zero.
namespace shim {
DEVICE_INLINE float flush(float x) { return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x; }
} // namespace shim
DEVICE_INLINE float exp2_approx(float x) { return shim::flush(exp2f(shim::flush(x))); }
DEVICE_INLINE float log2_approx(float x) { return log2f(shim::flush(x)); }
DEVICE_INLINE float rsqrt_approx(float x) { return shim::flush(float(1 / sqrt(double(shim::flush(x))))); }
DEVICE_INLINE float reciprocal_approx(float x) { return shim::flush(1 / shim::flush(x)); }
