// What the instructions of PTX mean that concern a block and its threads; see ptx.cuh. Compiled once for a library of kernels, with the table
// of their shared memory.
#pragma once

#include "shim.cuh"

#include "ptx.cuh"

namespace ptx {

extern const char *const file; // that of the kernels

// A Layout is where the shared memory of a kernel lies.
struct Range {
    uint32_t at, size;
};
struct Layout {
    void (*run)(void **);
    const Range *ranges; // up to one of no size
    uint32_t dynamic;
};
extern const Layout layouts[]; // up to one of no kernel

Shared space;
int line;

constexpr size_t most_shared = shim::most_dynamic + (16 << 10); // with the gaps between variables
static uint8_t marks[most_shared / 4 + 16];

static shim::Place at(int line) { return {file, line}; }

void misaligned(uint64_t at, unsigned bytes, int line) {
    shim::fault("%s:%d: the address %#llx is no multiple of %u", file, line, (unsigned long long)at, bytes);
}
void outside_shared(uint64_t at, unsigned bytes, int line) {
    if (at < space.size && marks[at / 4] == awaited) shim::fault("%s:%d: shared memory at %llu, to which a copy is under way", file, line, (unsigned long long)at);
    shim::fault("%s:%d: access to %u bytes at %#llx, outside of shared memory", file, line, bytes, (unsigned long long)at);
}
void shared_as_global(uint64_t at, int line) {
    shim::fault("%s:%d: the address %#llx of shared memory as one of global memory", file, line, (unsigned long long)at);
}
void not_in_shared(uint64_t at, int line) { shim::fault("%s:%d: the address %#llx is not in shared memory", file, line, (unsigned long long)at); }
void division_by_zero(int line) { shim::fault("%s:%d: division by zero of an integer", file, line); }

template <class V> static uint32_t of_axis(V v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }
uint32_t tid(int axis) { return of_axis(threadIdx, axis); }
uint32_t ntid(int axis) { return of_axis(blockDim, axis); }
uint32_t ctaid(int axis) { return of_axis(blockIdx, axis); }
uint32_t nctaid(int axis) { return of_axis(gridDim, axis); }
uint32_t laneid() { return uint32_t(shim::current % shim::warp_lanes); }

void barrier(int line) { shim::meet({"bar.sync", nullptr, true, 0, at(line)}, nullptr); }

// shuffle is shfl.sync: c has the last lane that may be read, and from bit 8 on the bits of a lane's number that its group has in common.
uint32_t shuffle(Mode mode, uint32_t value, uint32_t b, uint32_t c, uint32_t mask, int line) {
    int own = int(laneid()), by = int(b & 31), clamp = int(c & 31), common = int(c >> 8 & 31);
    int last = (own & common) | (clamp & ~common), first = own & common, lane = own;
    bool good = false;
    switch (mode) {
    case up: lane = own - by, good = lane >= last; break;
    case down: lane = own + by, good = lane <= last; break;
    case bfly: lane = own ^ by, good = lane <= last; break;
    case idx: lane = first | (by & ~common), good = lane <= last; break;
    }
    return shim::shuffle("shfl.sync", mask, value, good ? lane : own, at(line));
}

// combine is mma.m16n8k8 of TF32, whose operands' last 13 bits are not read. The manual's "matrix fragments for mma.m16n8k8":
//
//     group = lane >> 2, in_group = lane % 4
//     a_i   row group (i = 0, 2) or group + 8 (i = 1, 3), column in_group (i = 0, 1) or in_group + 4 (i = 2, 3)
//     b_i   row in_group + 4 i, column group
//     c_i   row group (i = 0, 1) or group + 8 (i = 2, 3), column 2 in_group + i % 2
//
// How sums are rounded is not said; here they are towards zero, as devices do.
static float tf32(uint32_t x) { return bits<float>(x & 0xffffe000u); }
static void combine(void **lanes, int) {
    double sum[16][8];
    for (int lane = 0; lane < 32; lane++) {
        const Product &p = *static_cast<const Product *>(lanes[lane]);
        for (int i = 0; i < 4; i++) sum[(lane >> 2) + (i < 2 ? 0 : 8)][lane % 4 * 2 + (i & 1)] = p.c[i];
    }
    for (int k = 0; k < 8; k++) {
        double row[16], column[8];
        for (int r = 0; r < 16; r++) row[r] = tf32(static_cast<const Product *>(lanes[(r % 8) << 2 | k % 4])->a[(r < 8 ? 0 : 1) + (k < 4 ? 0 : 2)]);
        for (int c = 0; c < 8; c++) column[c] = tf32(static_cast<const Product *>(lanes[c << 2 | k % 4])->b[k < 4 ? 0 : 1]);
        for (int r = 0; r < 16; r++)
            for (int c = 0; c < 8; c++) sum[r][c] += row[r] * column[c];
    }
    for (int lane = 0; lane < 32; lane++) {
        Product &p = *static_cast<Product *>(lanes[lane]);
        for (int i = 0; i < 4; i++) {
            double s = sum[(lane >> 2) + (i < 2 ? 0 : 8)][lane % 4 * 2 + (i & 1)];
            float f = float(s);
            if (__builtin_fabs(double(f)) > __builtin_fabs(s)) f = bits<float>(bits<uint32_t>(f) - 1);
            p.c[i] = f;
        }
    }
}
void multiply_add(Product *p, int line) {
    if (shim::thread_count % shim::warp_lanes != 0) shim::fault("%s:%d: mma in a block of %d threads, not of whole warps", file, line, shim::thread_count);
    shim::meet({"mma", combine, false, full_warp, at(line)}, p);
}

// A Copy is a cp.async that has not been waited for. It is done at the wait: who reads before finds a fault, or what was there before.
struct Copy {
    uint32_t to, bytes, read, group;
    const char *from;
};
constexpr int most_copies = 64;
static struct Copies {
    Copy list[most_copies];
    int count;
    uint32_t group; // that of the next copy
} copies[shim::most_threads];

void copy(uint64_t to, uint64_t from, uint32_t bytes, uint32_t read, int line) {
    char *place = shared(to, bytes, line);
    Copies &mine = copies[shim::current];
    if (mine.count == most_copies) shim::fault("%s:%d: more than %d copies under way", file, line, most_copies);
    if (read > bytes) shim::fault("%s:%d: a copy of %u bytes from %u", file, line, bytes, read);
    const char *source = read > 0 ? global(from, bytes, line) : nullptr;
    if (read > 0) (void)*static_cast<const volatile char *>(source); // else an address may be anything
    memset(place, 0xff, bytes);
    memset(marks + to / 4, awaited, bytes / 4);
    mine.list[mine.count++] = {uint32_t(to), bytes, read, mine.group, source};
}
void commit(int) { copies[shim::current].group++; }
void wait(uint32_t left, int) {
    Copies &mine = copies[shim::current];
    int kept = 0;
    for (int i = 0; i < mine.count; i++) {
        Copy c = mine.list[i];
        if (c.group + left >= mine.group) { // one of the last groups, or of none
            mine.list[kept++] = c;
            continue;
        }
        memset(space.memory + c.to, 0, c.bytes);
        memcpy(space.memory + c.to, c.from, c.read);
        memset(marks + c.to / 4, inside, c.bytes / 4);
    }
    mine.count = kept;
}

// begin makes the shared memory of a block.
static void begin(uint32_t dynamic) {
    const Layout *l = layouts;
    while (l->run != shim::body) l++;
    if (space.memory == nullptr) space.memory = shim::guarded(most_shared), space.marks = marks;
    space.size = l->dynamic + dynamic;
    memset(space.memory, 0xff, space.size);
    memset(marks, outside, space.size / 4 + 16);
    for (const Range *r = l->ranges; r->size != 0; r++) memset(marks + r->at / 4, inside, r->size / 4);
    memset(marks + l->dynamic / 4, inside, dynamic / 4);
    for (int t = 0; t < shim::thread_count; t++) copies[t].count = 0, copies[t].group = 0;
}

// install_block makes shim_run begin blocks so; see ptxc's table.
[[gnu::constructor]] static void install_block() {
    shim::begin_block = begin;
    shim::source_file = file;
    shim::source_line = &line;
}

static float flush(float x) { return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x; }

// off is y, up to bound and by the bits of x greater or less than it is, relative to scale.
static float off(double y, float x, double bound, double scale) {
    if (!(y - y == 0)) return float(y);
    double e = int32_t(shim::mix(bits<uint32_t>(x))) * 0x1p-31 * (bound - 0x1p-24);
    return flush(float(y + e * scale));
}
float exp2_approx(float x) {
    x = flush(x);
    if (x == 0 || x != x) return x == 0 ? 1 : x;
    double y = exp2(double(x));
    return off(y, x, 0x1p-22, y);
}
float log2_approx(float x) {
    x = flush(x);
    double y = log2(double(x));
    return off(y, x, 0x1p-22, __builtin_fabs(y) > 1 ? y : 1);
}
float reciprocal_approx(float x) {
    double y = 1 / double(flush(x));
    return off(y, x, 0x1p-23, y);
}
float root_approx(float x) {
    double y = sqrt(double(flush(x)));
    return off(y, x, 0x1p-23, y);
}
float inverse_root_approx(float x) {
    double y = 1 / sqrt(double(flush(x)));
    return off(y, x, 0x1.12p-23, y); // 2^-22.9
}

} // namespace ptx
