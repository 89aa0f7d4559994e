// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <charconv>     // std::to_chars
#include <stdexcept>    // std::runtime_error
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_arithmetic_v

namespace prunus {
inline namespace v0 {

/// What went wrong, as a stable number that a program can switch on. Messages may be reworded,
/// codes are not renumbered.
enum class errc {
  // argument_error
  out_of_range = 101,   ///< a number lies outside its range (sparsity, step, count, ...)
  duplicate_name,       ///< a parameter, node or tensor of that name exists already
  unknown_name,         ///< no parameter, node or tensor has that name
  overlapping_storage,  ///< two registrations share memory
  null_storage,         ///< a view of nothing
  empty_model,          ///< no parameter to work on
  unreachable_target,   ///< no allocation can reach the target within its limits
  unsupported,          ///< the combination asked for does not exist
  unknown_outputs,      ///< which weights make the outputs of the network was not said
  broken_promise,       ///< a part of the user's does not do what its concept asks for
  // shape_error
  shape_mismatch = 201,  ///< two shapes that must agree do not
  bad_layout,            ///< a layout text that does not describe the tensor
  not_contiguous,        ///< strided storage where a contiguous block is needed
  // value_error
  not_finite = 301,  ///< NaN or infinity in weights, scores or statistics
  // state_error
  step_backwards = 401,  ///< progress went backwards
  wrong_order,           ///< a call that needs another call first
  // graph_error
  cycle = 501,  ///< the graph is not acyclic
  bad_node,     ///< a node whose inputs or attributes do not fit its operation
  // file_error
  cannot_open = 601,  ///< a file cannot be opened, read, written or renamed
  truncated,          ///< a file ends before its contents do
  malformed,          ///< a file is of another kind, version or is damaged
};

/// Base of every exception that prunus throws. `what()` says where, what was expected, what came
/// and how to fix it.
class error : public std::runtime_error {
 public:
  error(errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] errc code() const noexcept { return code_; }

 private:
  errc code_;
};

/// An argument outside its range, a name used twice or not at all, an unreachable target.
class argument_error : public error {
  using error::error;
};
/// Shapes or layouts that do not fit each other.
class shape_error : public error {
  using error::error;
};
/// NaN or infinity where a finite number is needed.
class value_error : public error {
  using error::error;
};
/// Calls in the wrong order.
class state_error : public error {
  using error::error;
};
/// A graph with a cycle or with a node that does not fit.
class graph_error : public error {
  using error::error;
};
/// A file that cannot be opened, ends early, or is not what it should be.
class file_error : public error {
  using error::error;
};

namespace detail {

inline void append_to(std::string& text, std::string_view part) { text += part; }
inline void append_to(std::string& text, char part) { text += part; }
/// The shortest text that reads back as the same number, whatever the locale.
template <class Number>
  requires std::is_arithmetic_v<Number>
void append_to(std::string& text, Number part) {
  if constexpr (std::is_same_v<Number, bool>) {
    text += part ? "true" : "false";
  } else {
    std::array<char, 32> digits{};
    text.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), part).ptr);
  }
}

/// Concatenates texts and numbers; the error messages of the library are built with it.
template <class... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::string text;
  (append_to(text, parts), ...);
  return text;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
