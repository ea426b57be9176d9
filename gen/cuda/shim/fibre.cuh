// Stacks and the switch between them.
#pragma once

#include <sys/mman.h>

// shim_switch keeps the registers that a call must preserve on the stack in use, stores its pointer at save and goes on where the stack
// load was left.
extern "C" void shim_switch(void **save, void *load);

#if defined(__x86_64__)
asm(R"(
    .text
    .type shim_switch, @function
shim_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size shim_switch, . - shim_switch
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .type shim_switch, %function
shim_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size shim_switch, . - shim_switch
)");
#else
#error "the shim is for x86-64 and AArch64"
#endif

namespace shim {

constexpr size_t page = 4096, stack_bytes = 128 << 10;

// guarded returns memory of whole pages with one before and one behind that may not be touched.
static char *guarded(size_t bytes) {
    bytes = (bytes + page - 1) / page * page;
    void *p = mmap(nullptr, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return nullptr;
    char *inside = static_cast<char *>(p) + page;
    if (mprotect(inside, bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
    return inside;
}

// start returns the pointer of a stack on which shim_switch calls entry.
static void *start(char *stack, void (*entry)()) {
    void **top = reinterpret_cast<void **>(stack + stack_bytes);
#if defined(__x86_64__)
    *--top = nullptr; // a function finds the pointer 8 below a multiple of 16
    *--top = reinterpret_cast<void *>(entry); // returned to
    for (int i = 0; i < 6; i++) *--top = nullptr;
#else
    top -= 20;
    for (int i = 0; i < 20; i++) top[i] = nullptr;
    top[11] = reinterpret_cast<void *>(entry); // x30
#endif
    return top;
}

} // namespace shim
