// Atomics. With one CPU thread, a load and a store are atomic as long as no other fiber runs between them.
#pragma once

namespace cuda_host {

// The parameter's type is that of the memory, whatever the argument's.
template <class T>
struct Same {
    using type = T;
};

// The race detector is told of the access as an atomic one, and must not see the load and the store.
template <class T, class Change>
__attribute__((no_sanitize_thread)) T change_atomically(T *address, Change change)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "32 or 64 bits");
    before_atomic(address, sizeof(T));
    const T old = *address;
    *address = change(old);
    return old;
}

}  // namespace cuda_host

#define CUDA_HOST_ATOMIC(Name, changed)                                                          \
    template <class T>                                                                           \
    T atomic##Name(T *address, typename cuda_host::Same<T>::type value)                          \
    {                                                                                            \
        return cuda_host::change_atomically(address, [=](T old) -> T { return T(changed); });    \
    }
CUDA_HOST_ATOMIC(Add, old + value)
CUDA_HOST_ATOMIC(Sub, old - value)
CUDA_HOST_ATOMIC(Min, value < old ? value : old)
CUDA_HOST_ATOMIC(Max, old < value ? value : old)
CUDA_HOST_ATOMIC(Or, old | value)
CUDA_HOST_ATOMIC(And, old &value)
CUDA_HOST_ATOMIC(Exch, ((void)old, value))
#undef CUDA_HOST_ATOMIC

template <class T>
T atomicCAS(T *address, typename cuda_host::Same<T>::type expected, typename cuda_host::Same<T>::type value)
{
    return cuda_host::change_atomically(address, [=](T old) -> T { return old == expected ? value : old; });
}
