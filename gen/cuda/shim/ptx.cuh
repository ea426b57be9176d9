// What the instructions of PTX mean, for the kernels that package ptxc makes of it; source: NVIDIA, "PTX ISA". Included before each part of them, and
// by ptx_block.cuh, which has what concerns other threads.
//
// A device's approximations are as far off here as the manual allows, up or down by the bits of the argument. Without .rn in the opcode a product and a sum
// may become one operation, as they may in the driver's compiler; the compiler of this code does so where it sees them.
#pragma once

#include <stdint.h>

namespace ptx {

// Shared memory is a space of its own: its addresses are those in memory less space.memory. Of each four bytes a mark says what they are.
enum Mark : uint8_t { outside, inside, awaited };
struct Shared {
    char *memory;
    uint8_t *marks;
    uint32_t size;
};
extern __attribute__((visibility("hidden"))) Shared space;

// line is that of the last access to memory: a fault that the processor reports is there.
extern __attribute__((visibility("hidden"))) int line;

// The faults of an instruction, and what threads do together; in ptx_block.cuh.
[[noreturn, gnu::cold]] void misaligned(uint64_t at, unsigned bytes, int line);
[[noreturn, gnu::cold]] void outside_shared(uint64_t at, unsigned bytes, int line);
[[noreturn, gnu::cold]] void shared_as_global(uint64_t at, int line);
[[noreturn, gnu::cold]] void not_in_shared(uint64_t at, int line);
[[noreturn, gnu::cold]] void division_by_zero(int line);

uint32_t tid(int axis);
uint32_t ntid(int axis);
uint32_t ctaid(int axis);
uint32_t nctaid(int axis);
uint32_t laneid();

void barrier(int line);
enum Mode { up, down, bfly, idx };
uint32_t shuffle(Mode mode, uint32_t value, uint32_t b, uint32_t c, uint32_t mask, int line);
struct Product {
    uint32_t a[4], b[2];
    float c[4];
};
void multiply_add(Product *p, int line);
void copy(uint64_t to, uint64_t from, uint32_t bytes, uint32_t read, int line);
void commit(int line);
void wait(uint32_t left, int line);

float exp2_approx(float x);
float log2_approx(float x);
float reciprocal_approx(float x);
float root_approx(float x);
float inverse_root_approx(float x);

#define PTX_INLINE static inline __attribute__((always_inline))

template <class T, class S> PTX_INLINE T bits(S x) { return __builtin_bit_cast(T, x); }
template <class T> PTX_INLINE T load(const char *p) {
    T x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}
template <class T> PTX_INLINE void store(char *p, T x) { __builtin_memcpy(p, &x, sizeof x); }

// shared, global and generic return where an access of so many bytes goes.
PTX_INLINE char *shared(uint64_t at, unsigned bytes, int where) {
    if (at % bytes != 0) misaligned(at, bytes, where);
    if (at >= space.size) outside_shared(at, bytes, where);
    const uint8_t *m = space.marks + at / 4;
    bool good = bytes == 16 ? load<uint32_t>(reinterpret_cast<const char *>(m)) == 0x01010101u * inside
              : bytes == 8  ? load<uint16_t>(reinterpret_cast<const char *>(m)) == 0x0101u * inside
                            : *m == inside;
    if (!good) outside_shared(at, bytes, where);
    return space.memory + at;
}
PTX_INLINE char *global(uint64_t at, unsigned bytes, int where) {
    line = where;
    if (at % bytes != 0) misaligned(at, bytes, where);
    if (at - uint64_t(space.memory) < space.size) shared_as_global(at, where);
    return reinterpret_cast<char *>(at);
}
PTX_INLINE char *generic(uint64_t at, unsigned bytes, int where) {
    uint64_t offset = at - uint64_t(space.memory);
    if (offset < space.size) return shared(offset, bytes, where);
    return global(at, bytes, where);
}

PTX_INLINE uint64_t to_global(uint64_t at, int where) {
    if (at - uint64_t(space.memory) < space.size) shared_as_global(at, where);
    return at;
}
PTX_INLINE uint64_t from_global(uint64_t at, int) { return at; }
PTX_INLINE uint64_t to_shared(uint64_t at, int where) {
    if (at - uint64_t(space.memory) >= space.size) not_in_shared(at, where);
    return at - uint64_t(space.memory);
}
PTX_INLINE uint64_t from_shared(uint64_t at, int) { return at + uint64_t(space.memory); }

// apart keeps a result from becoming part of another operation.
PTX_INLINE float apart(float x) {
    asm volatile("" : "+m"(x));
    return x;
}
PTX_INLINE double apart(double x) {
    asm volatile("" : "+m"(x));
    return x;
}
PTX_INLINE float fused(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
PTX_INLINE double fused(double x, double y, double z) { return __builtin_fma(x, y, z); }
PTX_INLINE float absolute(float x) { return __builtin_fabsf(x); }
PTX_INLINE double absolute(double x) { return __builtin_fabs(x); }
PTX_INLINE float root(float x) { return __builtin_sqrtf(x); }
PTX_INLINE double root(double x) { return __builtin_sqrt(x); }

// least and greatest return the number where the other operand is NaN; -0 is less than 0.
template <class T> PTX_INLINE T least(T x, T y) {
    if (x != x) return y;
    if (x == y) return __builtin_signbit(x) ? x : y;
    return y < x ? y : x;
}
template <class T> PTX_INLINE T greatest(T x, T y) {
    if (x != x) return y;
    if (x == y) return __builtin_signbit(x) ? y : x;
    return y > x ? y : x;
}

template <class T> PTX_INLINE T quotient(T x, T y, int where) {
    if (y == 0) division_by_zero(where);
    if (T(-1) < 0 && y == T(-1)) return -x; // wraps around
    return x / y;
}
template <class T> PTX_INLINE T remainder(T x, T y, int where) {
    if (y == 0) division_by_zero(where);
    if (T(-1) < 0 && y == T(-1)) return 0;
    return x % y;
}

// Shifts by more than the bits are by all of them.
template <class T> PTX_INLINE T shifted_left(T x, uint32_t by) { return by < 8 * sizeof x ? x << by : 0; }
template <class T> PTX_INLINE T shifted_right(T x, uint32_t by) {
    if (by < 8 * sizeof x) return x >> by;
    return x < 0 ? -1 : 0;
}
// field returns bits from a position on, by bfe.
PTX_INLINE uint32_t field(uint32_t x, uint32_t from, uint32_t count) {
    from &= 0xff, count &= 0xff;
    x = shifted_right(x, from);
    return count < 32 ? x & ((1u << count) - 1) : x;
}
PTX_INLINE uint32_t leading_zeros(uint32_t x) { return x == 0 ? 32 : uint32_t(__builtin_clz(x)); }
PTX_INLINE uint32_t leading_zeros(uint64_t x) { return x == 0 ? 64 : uint32_t(__builtin_clzll(x)); }

// cut converts towards zero, to the nearest that there is; NaN is 0, and of 64 bits on either side only the highest bit.
template <class T, class F> PTX_INLINE T cut(F x) {
    constexpr T highest = T(1) << (8 * sizeof(T) - 1);
    constexpr bool sign = T(-1) < 0;
    if (x != x) return sizeof(T) == 8 || sizeof(F) == 8 ? highest : 0;
    const F beyond = sign ? -F(highest) : F(highest) * 2;
    if (x >= beyond) return sign ? T(~highest) : T(~T(0));
    if (x < (sign ? F(highest) : F(0))) return sign ? highest : 0;
    return T(x);
}

} // namespace ptx
