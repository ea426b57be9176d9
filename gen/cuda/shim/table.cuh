// The table of the kernels, which the simulated device reads. It is compiled behind the kernels, with SHIM_KERNELS a list of
// KERNEL(name, greatest number of threads of a block), or of rows as they are.
#pragma once

namespace shim {

struct Kernel {
    const char *name;
    void (*run)(void **);
    const char *parameters; // the types as PTX names them: 'u' u32, 'l' u64, 'f' f32, 'd' f64
    int64_t threads, shared; // of a block: at most, and bytes that the kernel has of its own, where they are known
};

template <class T> constexpr char letter() {
    static_assert((__is_arithmetic(T) || __is_pointer(T)) && (sizeof(T) == 4 || sizeof(T) == 8), "a kernel's parameter is a number or a pointer");
    return sizeof(T) == 4 ? 'u' : 'l';
}
template <> constexpr char letter<float>() { return 'f'; }
template <> constexpr char letter<double>() { return 'd'; }

template <auto F> struct Call;
template <class... A, void (*F)(A...)> struct Call<F> {
    static constexpr char parameters[] = {letter<A>()..., 0};
    template <size_t... I> struct List {};
    template <size_t N, size_t... I> struct Count : Count<N - 1, N - 1, I...> {};
    template <size_t... I> struct Count<0, I...> { typedef List<I...> type; };
    template <size_t... I> static void call(void **a, List<I...>) { F(*static_cast<A *>(a[I])...); }
    static void run(void **a) { call(a, typename Count<sizeof...(A)>::type()); }
};

} // namespace shim

#define KERNEL(name, threads) {#name, shim::Call<name>::run, shim::Call<name>::parameters, threads, 0},
extern "C" __attribute__((visibility("default"))) const shim::Kernel shim_kernels[] = {SHIM_KERNELS{nullptr, nullptr, nullptr, 0, 0}};
