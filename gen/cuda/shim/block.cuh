// Blocks of threads: who runs, who waits for whom, and what is said when that cannot end.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

// The shared memory that the kernels define, which the linker puts side by side.
extern "C" char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

namespace shim {

constexpr int warp_lanes = 32, most_threads = 1024;
constexpr size_t most_dynamic = 228 << 10;

// A Place is where an operation stands in the source.
struct Place {
    const char *file;
    int line;
};

// A Meeting is an operation that threads of a block do together: all of them, or the lanes of a warp that a mask names. The last to
// arrive calls combine with what each of them brought, null for a lane that is not named.
struct Meeting {
    const char *name;
    void (*combine)(void **data, int count);
    bool whole_block;
    unsigned mask;
    Place at;
};

enum State { ready, waiting, done };

struct Thread {
    State state;
    uint3 index;
    void *sp;    // its stack's pointer while it does not run
    char *stack; // null before it starts and after its end
    Meeting meeting;
    void *data;
};

static Thread threads[most_threads];
static int thread_count, current; // the thread that runs, by its number in the block
static char *stacks[most_threads];
static int free_stacks;
static void *scheduler;
static char *dynamic_area;
static void *dynamic_shared;
static void (*body)(void **);
static void **arguments;
static char *report;
static size_t report_size;
static bool failed;

// Of kernels that have shared memory of their own kind and say where they are: what each block begins with, and the place of an access.
static void (*begin_block)(uint32_t shared_bytes);
static const char *source_file;
static const int *source_line;

// fault ends the launch with a report.
[[noreturn]] static void fault(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = snprintf(report, report_size, "thread (%u,%u,%u) of block (%u,%u,%u): ", threadIdx.x, threadIdx.y, threadIdx.z, blockIdx.x,
                     blockIdx.y, blockIdx.z);
    if (n > 0 && size_t(n) < report_size) vsnprintf(report + n, report_size - n, format, list);
    va_end(list);
    failed = true;
    void *lost;
    shim_switch(&lost, scheduler);
    __builtin_unreachable();
}

static void yield() { shim_switch(&threads[current].sp, scheduler); }

static bool same(const Meeting &a, const Meeting &b) {
    return a.combine == b.combine && a.name == b.name && a.whole_block == b.whole_block && a.mask == b.mask && a.at.line == b.at.line &&
           (a.at.file == b.at.file || strcmp(a.at.file, b.at.file) == 0);
}

// meet returns when all that a meeting asks for have come and combine has been called. A lane of a warp that the block does not fill
// may be named, and is not there.
static void meet(const Meeting &m, void *data) {
    Thread &me = threads[current];
    int first = m.whole_block ? 0 : current / warp_lanes * warp_lanes, count = m.whole_block ? thread_count : warp_lanes;
    auto named = [&](int i) { return m.whole_block || (m.mask >> i & 1 && first + i < thread_count); };
    if (!named(current - first)) fault("%s:%d: %s with the mask %#x, which leaves out lane %d that calls it", m.at.file, m.at.line, m.name, m.mask, current - first);
    me.meeting = m, me.data = data;
    me.state = waiting;
    for (int i = count - 1; i >= 0; i--) // the last first: in the usual order it is what is still missing
        if (named(i) && (threads[first + i].state != waiting || !same(threads[first + i].meeting, m))) {
            yield();
            return;
        }
    static void *all[most_threads];
    for (int i = 0; i < count; i++) {
        all[i] = named(i) ? threads[first + i].data : nullptr;
        if (named(i)) threads[first + i].state = ready;
    }
    if (m.combine != nullptr) m.combine(all, count);
}

// stuck reports threads that wait for others which do not come.
[[noreturn]] static void stuck() {
    int waits = 0;
    while (threads[waits].state != waiting) waits++;
    current = waits, threadIdx = threads[waits].index;
    const Meeting &m = threads[waits].meeting;
    int first = m.whole_block ? 0 : waits / warp_lanes * warp_lanes, count = m.whole_block ? thread_count : warp_lanes;
    for (int i = 0; i < count && first + i < thread_count; i++) {
        const Thread &t = threads[first + i];
        if (!m.whole_block && !(m.mask >> i & 1)) continue;
        if (t.state == done)
            fault("%s:%d: divergent %s (mask %#x): thread (%u,%u,%u) has returned", m.at.file, m.at.line, m.name, m.mask, t.index.x, t.index.y, t.index.z);
        if (!same(t.meeting, m))
            fault("%s:%d: divergent %s (mask %#x): thread (%u,%u,%u) is in %s (mask %#x) at %s:%d", m.at.file, m.at.line, m.name, m.mask, t.index.x,
                  t.index.y, t.index.z, t.meeting.name, t.meeting.mask, t.meeting.at.file, t.meeting.at.line);
    }
    fault("%s:%d: %s is never done", m.at.file, m.at.line, m.name);
}

// entry is where a fibre begins. It does not return.
static void entry() {
    body(arguments);
    Thread &me = threads[current];
    me.state = done;
    stacks[free_stacks++] = me.stack;
    void *lost;
    shim_switch(&lost, scheduler);
}

static char *take_stack() {
    char *stack = free_stacks > 0 ? stacks[--free_stacks] : guarded(stack_bytes);
    if (stack == nullptr) {
        snprintf(report, report_size, "no memory for the stacks of a block's threads");
        failed = true;
    }
    return stack;
}

// mix is a permutation's random part: the finaliser of MurmurHash3 by Appleby.
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

// permute fills p with 0 to n-1, in this order or in one that the seed gives.
static void permute(int *p, int n, uint64_t seed) {
    for (int i = 0; i < n; i++) p[i] = i;
    if (seed == 0) return;
    for (int i = n - 1; i > 0; i--) {
        int j = int(mix(seed + uint64_t(i)) % uint64_t(i + 1)), t = p[i];
        p[i] = p[j], p[j] = t;
    }
}

// The schedulers below run on the stack of the caller of shim_run. A fault comes back to where a thread was last resumed.
[[gnu::noinline]] static void resume(int t) {
    current = t;
    threadIdx = threads[t].index;
    shim_switch(&scheduler, threads[t].sp);
}

static void run_block(size_t shared_bytes, uint64_t order) {
    if (begin_block != nullptr) begin_block(uint32_t(shared_bytes));
    else {
        memset(__start_shared_memory, 0xff, size_t(__stop_shared_memory - __start_shared_memory));
        memset(dynamic_area, 0xff, most_dynamic);
        shared_bytes = (shared_bytes + 15) / 16 * 16;
        dynamic_shared = dynamic_area + most_dynamic - shared_bytes; // its end is where a page begins that may not be touched
    }
    for (int t = 0; t < thread_count; t++) {
        Thread &th = threads[t];
        th.state = ready, th.stack = nullptr;
        th.index = {unsigned(t) % blockDim.x, unsigned(t) / blockDim.x % blockDim.y, unsigned(t) / blockDim.x / blockDim.y};
    }
    static int sequence[most_threads];
    permute(sequence, thread_count, order);
    int left = thread_count;
    while (left > 0) {
        bool progress = false;
        for (int i = 0; i < thread_count; i++) {
            Thread &t = threads[sequence[i]];
            if (t.state != ready) continue;
            progress = true;
            if (t.stack == nullptr) {
                if ((t.stack = take_stack()) == nullptr) return;
                t.sp = start(t.stack, entry);
            }
            resume(sequence[i]);
            if (failed) return;
            if (t.state == done) left--;
        }
        if (!progress) { // on a stack of its own, which is left by the fault
            char *stack = take_stack();
            if (stack == nullptr) return;
            shim_switch(&scheduler, start(stack, stuck));
            stacks[free_stacks++] = stack;
            return;
        }
    }
}

// The handler of signals that a kernel's accesses raise. Others go to the handler that was there before.
static pthread_t runner;
static volatile bool running;
static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
static struct sigaction before[sizeof(caught) / sizeof(caught[0])];

static void handler(int signal, siginfo_t *info, void *context) {
    if (running && pthread_equal(pthread_self(), runner)) {
        switch (signal) {
        case SIGSEGV:
            // The processor does not say the address of a misaligned vector.
            if (info->si_code == SI_KERNEL) fault("misaligned vector, or an address that cannot be");
            [[fallthrough]];
        case SIGBUS:
            if (source_file != nullptr) fault("%s:%d: access outside of the allocated memory, at %p", source_file, *source_line, info->si_addr);
            fault("access outside of the allocated memory, at %p", info->si_addr);
        case SIGFPE: fault("division by zero of an integer");
        default: fault("trap");
        }
    }
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        if (caught[i] == signal) {
            if (before[i].sa_flags & SA_SIGINFO)
                before[i].sa_sigaction(signal, info, context);
            else {
                sigaction(signal, &before[i], nullptr);
                raise(signal);
            }
        }
}

static void install() {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) sigaction(caught[i], &action, &before[i]);
}

struct Launch {
    void (*body)(void **);
    void **arguments;
    dim3 grid, block;
    uint32_t shared_bytes, reserved;
    uint64_t first, last, order;
    char *report;
    uint64_t report_size;
};

} // namespace shim

// shim_run runs the blocks first to last - 1 of a launch, numbered with x fastest. Order 0 is the usual one; else the
// blocks run backwards, and it is the seed of a permutation of the threads. It returns 0, or 1 with a report.
extern "C" __attribute__((visibility("default"))) int shim_run(const shim::Launch *l) {
    using namespace shim;
    static bool installed;
    if (!installed) install(), installed = true;
    if (dynamic_area == nullptr) dynamic_area = guarded(most_dynamic);
    body = l->body, arguments = l->arguments;
    report = l->report, report_size = l->report_size;
    blockDim = l->block, gridDim = l->grid;
    thread_count = int(blockDim.x * blockDim.y * blockDim.z);
    failed = false;
    runner = pthread_self();
    running = true;
    for (uint64_t i = l->first; i < l->last && !failed; i++) {
        uint64_t b = l->order == 0 ? i : l->last - 1 - (i - l->first);
        blockIdx = {unsigned(b % gridDim.x), unsigned(b / gridDim.x % gridDim.y), unsigned(b / gridDim.x / gridDim.y)};
        run_block(l->shared_bytes, l->order);
    }
    for (int t = 0; failed && t < thread_count; t++)
        if (threads[t].stack != nullptr && threads[t].state != done) stacks[free_stacks++] = threads[t].stack;
    running = false;
    return failed;
}
