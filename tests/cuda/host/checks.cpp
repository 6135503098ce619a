// What kernels are built to ask while they run (-fsanitize=...), answered with an error instead of the compiler's own
// library, which would end the process. The layout of the data is the compiler's.
#include "runtime.h"

namespace {

struct Location {
    const char *file;
    uint32_t line, column;
};

struct Type {
    uint16_t kind, info;  // of integers, info has 1 for signed, and above it the logarithm of its bits
    char name[1];
};

struct IndexCheck {
    Location location;
    const Type *array, *index;
};

struct PointerCheck {
    Location location;
    const Type *type;
    unsigned char log_alignment, access;
};

struct ConversionCheck {
    Location location;
    const Type *from, *to;
};

struct OperationCheck {
    Location location;
    const Type *left, *right;
};

long long integer(const Type *type, uint64_t bits)
{
    const int unused = 64 - (1 << (type->info >> 1));
    const bool is_signed = type->info & 1;
    return is_signed ? int64_t(bits << unused) >> unused : int64_t(bits << unused >> unused);
}

}  // namespace

extern "C" {

void __ubsan_handle_out_of_bounds(const IndexCheck *check, uint64_t index)
{
    cuda_host::fail("%s:%u: index %lld of an array of type %s", check->location.file, check->location.line,
                    integer(check->index, index), check->array->name);
}

void __ubsan_handle_type_mismatch_v1(const PointerCheck *check, uint64_t address)
{
    cuda_host::fail("%s:%u: access to a %s at an address that is no multiple of %u: it ends in %02x",
                    check->location.file, check->location.line, check->type->name, 1u << check->log_alignment,
                    unsigned(address & 0xff));
}

void __ubsan_handle_float_cast_overflow(const ConversionCheck *check, uint64_t)
{
    cuda_host::fail("%s:%u: conversion of a %s that no %s can hold; __float2int_rz and its like say what is meant",
                    check->location.file, check->location.line, check->from->name, check->to->name);
}

void __ubsan_handle_divrem_overflow(const OperationCheck *check, uint64_t, uint64_t)
{
    cuda_host::fail("%s:%u: division of integers by zero", check->location.file, check->location.line);
}

void __ubsan_handle_shift_out_of_bounds(const OperationCheck *check, uint64_t, uint64_t distance)
{
    cuda_host::fail("%s:%u: shift of a %s by %lld", check->location.file, check->location.line, check->left->name,
                    integer(check->right, distance));
}
}
