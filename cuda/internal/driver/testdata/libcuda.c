// A library with the functions of the driver that are bound, which writes down what it was called with. With CUDA_HEADER defined it is
// compiled against NVIDIA's header, which checks the types.
#ifdef CUDA_HEADER
#include <cuda.h>
#else
#include <stddef.h>
typedef unsigned CUresult;
typedef int CUdevice, CUdevice_attribute, CUfunction_attribute, CUjit_option;
typedef unsigned long long CUdeviceptr;
typedef struct opaque *CUcontext, *CUmodule, *CUfunction, *CUstream, *CUevent;
#define CUDAAPI
#define cuDeviceTotalMem cuDeviceTotalMem_v2
#define cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
#define cuMemGetInfo cuMemGetInfo_v2
#define cuMemAlloc cuMemAlloc_v2
#define cuMemFree cuMemFree_v2
#define cuMemcpyHtoDAsync cuMemcpyHtoDAsync_v2
#define cuMemcpyDtoHAsync cuMemcpyDtoHAsync_v2
#define cuMemcpyDtoDAsync cuMemcpyDtoDAsync_v2
#define cuStreamDestroy cuStreamDestroy_v2
#define cuEventDestroy cuEventDestroy_v2
#endif
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CALL CUresult CUDAAPI

static char text[4096];

static CUresult say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return 0;
}

// fake_text returns what the last call was.
const char *fake_text(void) { return text; }

CALL cuInit(unsigned flags) { return say("cuInit %u", flags), 100; }
CALL cuDriverGetVersion(int *v) { return *v = 12040, say("cuDriverGetVersion"); }
CALL cuDeviceGetCount(int *n) { return *n = 3, say("cuDeviceGetCount"); }
CALL cuDeviceGet(CUdevice *d, int ordinal) { return *d = 7, say("cuDeviceGet %d", ordinal); }
CALL cuDeviceGetName(char *name, int length, CUdevice d) { return snprintf(name, length, "fake device"), say("cuDeviceGetName %d %d", length, d); }
CALL cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice d) { return *v = -5, say("cuDeviceGetAttribute %d %d", a, d); }
CALL cuDeviceTotalMem(size_t *n, CUdevice d) { return *n = 1ull << 40, say("cuDeviceTotalMem %d", d); }
CALL cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) { return *c = (CUcontext)0x1234567890, say("cuDevicePrimaryCtxRetain %d", d); }
CALL cuDevicePrimaryCtxRelease(CUdevice d) { return say("cuDevicePrimaryCtxRelease %d", d); }
CALL cuCtxSetCurrent(CUcontext c) { return say("cuCtxSetCurrent %p", (void *)c); }
CALL cuMemGetInfo(size_t *free, size_t *total) { return *free = 1ull << 33, *total = 1ull << 34, say("cuMemGetInfo"); }
CALL cuMemAlloc(CUdeviceptr *p, size_t n) { return *p = 0x7f0000000000, say("cuMemAlloc %zu", n); }
CALL cuMemFree(CUdeviceptr p) { return say("cuMemFree %#llx", p); }
CALL cuMemHostAlloc(void **p, size_t n, unsigned flags) { return *p = text, say("cuMemHostAlloc %zu %u", n, flags); }
CALL cuMemFreeHost(void *p) { return say("cuMemFreeHost %d", p == text); }
CALL cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream s) { return say("cuMemcpyHtoDAsync %#llx %d %zu %p", to, *(const int *)from, n, (void *)s); }
CALL cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream s) { return *(int *)to = 9, say("cuMemcpyDtoHAsync %#llx %zu %p", from, n, (void *)s); }
CALL cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) { return say("cuMemcpyDtoDAsync %#llx %#llx %zu %p", to, from, n, (void *)s); }
CALL cuMemsetD8Async(CUdeviceptr to, unsigned char v, size_t n, CUstream s) { return say("cuMemsetD8Async %#llx %u %zu %p", to, v, n, (void *)s); }
CALL cuMemsetD32Async(CUdeviceptr to, unsigned v, size_t n, CUstream s) { return say("cuMemsetD32Async %#llx %u %zu %p", to, v, n, (void *)s); }
CALL cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n, CUjit_option *options, void **values) {
    *m = (CUmodule)0x55;
    strcpy(values[0], "log");
    return say("cuModuleLoadDataEx %s %u %d %d %zu", (const char *)image, n, (int)options[0], (int)options[1], (size_t)values[1]);
}
CALL cuModuleUnload(CUmodule m) { return say("cuModuleUnload %p", (void *)m); }
CALL cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) { return *f = (CUfunction)0x66, say("cuModuleGetFunction %p %s", (void *)m, name); }
CALL cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) { return say("cuFuncSetAttribute %p %d %d", (void *)f, a, v); }
CALL cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **p,
                    void **extra) {
    return say("cuLaunchKernel %p %u %u %u %u %u %u %u %p %d %g %d", (void *)f, gx, gy, gz, bx, by, bz, shared, (void *)s, *(int *)p[0],
               *(double *)p[1], extra == NULL),
           719;
}
CALL cuStreamCreate(CUstream *s, unsigned flags) { return *s = (CUstream)0x77, say("cuStreamCreate %u", flags); }
CALL cuStreamDestroy(CUstream s) { return say("cuStreamDestroy %p", (void *)s); }
CALL cuStreamSynchronize(CUstream s) { return say("cuStreamSynchronize %p", (void *)s); }
CALL cuEventCreate(CUevent *e, unsigned flags) { return *e = (CUevent)0x88, say("cuEventCreate %u", flags); }
CALL cuEventDestroy(CUevent e) { return say("cuEventDestroy %p", (void *)e); }
CALL cuEventRecord(CUevent e, CUstream s) { return say("cuEventRecord %p %p", (void *)e, (void *)s); }
CALL cuEventSynchronize(CUevent e) { return say("cuEventSynchronize %p", (void *)e); }
CALL cuEventElapsedTime(float *ms, CUevent begin, CUevent end) { return *ms = 1.5f, say("cuEventElapsedTime %p %p", (void *)begin, (void *)end); }
