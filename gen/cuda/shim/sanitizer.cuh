// What the compiler's checks (-fsanitize=bounds,alignment) call. The layouts are those of compiler-rt's ubsan_handlers.h.
#pragma once

namespace shim {
struct Location {
    const char *file;
    uint32_t line, column;
};
struct Type {
    uint16_t kind, info;
    char name[];
};
struct OutOfBounds {
    Location at;
    const Type *array, *index;
};
struct Mismatch {
    Location at;
    const Type *type;
    unsigned char log_alignment, kind;
};
} // namespace shim

extern "C" void __ubsan_handle_out_of_bounds(shim::OutOfBounds *d, uintptr_t index) {
    shim::fault("%s:%u: index %lld outside of %s", d->at.file, d->at.line, (long long)index, d->array->name);
}
extern "C" void __ubsan_handle_out_of_bounds_abort(shim::OutOfBounds *d, uintptr_t index) { __ubsan_handle_out_of_bounds(d, index); }
extern "C" void __ubsan_handle_type_mismatch_v1(shim::Mismatch *d, uintptr_t pointer) {
    shim::fault("%s:%u: %s at %#llx, which is no multiple of %u", d->at.file, d->at.line, d->type->name, (unsigned long long)pointer,
                1u << d->log_alignment);
}
extern "C" void __ubsan_handle_type_mismatch_v1_abort(shim::Mismatch *d, uintptr_t pointer) { __ubsan_handle_type_mismatch_v1(d, pointer); }
