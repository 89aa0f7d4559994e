// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>  // std::is_class_v, std::is_final_v

/// Whether a type has a member of some name, whatever it is: so that a hook whose signature is off
/// by a const is refused, not passed over.
namespace prunus {
inline namespace v0 {
namespace detail {

/// Where T has a member of the one name that Name has, too, that name is ambiguous here.
template <class T, class Name>
struct with_name : T, Name {};

/// A type that can be looked into by with_name.
template <class T>
concept can_be_base = std::is_class_v<T> && !std::is_final_v<T>;

/// Stands for an argument of any type: says whether a function takes one more.
struct any_argument {
  template <class T>
  operator T&() const;  // NOLINT(google-explicit-constructor): never called
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
