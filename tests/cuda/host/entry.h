// What executor.py has to know of a kernel: how to call it, and the types of its parameters.
#pragma once
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime.h"

namespace cuda_host {

// Fields as of class Parameter in library.py.
struct Parameter {
    uint8_t is_pointer, is_constant;  // to constant values
    char kind;                        // NumPy's letter for the scalar: b, i, u, f; V for all else
    uint8_t lanes;                    // scalars in the value: 4 in a float4
    uint32_t size;                    // of the value, in bytes
};

template <class T, class = void>
struct Scalar {
    static constexpr char kind = std::is_same_v<T, bool>         ? 'b'
                                 : std::is_floating_point_v<T>   ? 'f'
                                 : !std::is_integral_v<T>        ? 'V'
                                 : std::is_unsigned_v<T>         ? 'u'
                                                                 : 'i';
    static constexpr uint8_t lanes = 1;
};

// CUDA's vectors begin with a scalar named x, and have no members but x, y, z, w.
template <class T>
struct Scalar<T, std::void_t<decltype(T::x), decltype(T::y)>> {
    static constexpr char kind = Scalar<decltype(T::x)>::kind;
    static constexpr uint8_t lanes = sizeof(T) / sizeof(decltype(T::x));
};

template <class T>
constexpr Parameter parameter()
{
    if constexpr (std::is_pointer_v<T>) {
        using Value = std::remove_cv_t<std::remove_pointer_t<T>>;
        constexpr bool is_constant = std::is_const_v<std::remove_pointer_t<T>>;
        if constexpr (std::is_void_v<Value>)
            return {1, is_constant, 'V', 1, 0};
        else
            return {1, is_constant, Scalar<Value>::kind, Scalar<Value>::lanes, sizeof(Value)};
    } else {
        return {0, 0, Scalar<T>::kind, Scalar<T>::lanes, sizeof(T)};
    }
}

// Fields as of class Entry in library.py.
struct Entry {
    void (*call)(void **arguments);
    const Parameter *parameters;
    const char *parameter_names;  // with commas between
    unsigned parameter_count;
    unsigned most_threads;  // of a block, by __launch_bounds__
};

template <auto kernel, class... T, size_t... I>
__attribute__((no_sanitize_thread)) void call(void (*)(T...), void **arguments, std::index_sequence<I...>)
{
    kernel(*static_cast<T *>(arguments[I])...);
}

template <class... T>
const Parameter *parameters_of(void (*)(T...))
{
    static constexpr Parameter all[] = {parameter<std::remove_cv_t<T>>()..., {}};
    return all;
}

template <class... T>
constexpr std::index_sequence_for<T...> indices_of(void (*)(T...))
{
    return {};
}

template <auto kernel>
Entry make_entry(const char *parameter_names, unsigned most_threads)
{
    const auto call_it = [](void **arguments) { call<kernel>(kernel, arguments, indices_of(kernel)); };
    return {call_it, parameters_of(kernel), parameter_names, unsigned(indices_of(kernel).size()), most_threads};
}

// The first of the numbers in __launch_bounds__(...).
constexpr unsigned first_of(unsigned first, unsigned = 0, unsigned = 0) { return first; }

}  // namespace cuda_host

#define CUDA_HOST_KERNEL(name, parameter_names, bounds)                                              \
    extern "C" __attribute__((visibility("default"))) cuda_host::Entry cuda_host_entry_##name;       \
    cuda_host::Entry cuda_host_entry_##name =                                                        \
        cuda_host::make_entry<name>(parameter_names, cuda_host::first_of bounds);
