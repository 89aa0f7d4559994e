// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/named_tensor.hpp>

#include <Eigen/Core>

#include <cstddef>           // std::size_t
#include <initializer_list>  // std::initializer_list
#include <string_view>       // std::string_view
#include <utility>           // std::as_const, std::forward, std::move
#include <vector>            // std::vector

namespace prunus {
inline namespace v0 {

/// Tensors in an order of their own, found by name.
///
///     prunus::named_tensors<float> smaller = prunus::compact(net, plan);
///     smaller["hidden.weight"].to(w1);
///     for (const prunus::named_tensor<float>& tensor : smaller) save(tensor);
///
/// A name is looked for from the front, one by one: of two tensors of a name the first is found.
template <weight_scalar S>
class named_tensors {
 public:
  using value_type = named_tensor<S>;
  using iterator = typename std::vector<value_type>::iterator;
  using const_iterator = typename std::vector<value_type>::const_iterator;

  named_tensors() = default;
  named_tensors(std::initializer_list<value_type> tensors) : tensors_(tensors) {}

  [[nodiscard]] iterator begin() noexcept { return tensors_.begin(); }
  [[nodiscard]] iterator end() noexcept { return tensors_.end(); }
  [[nodiscard]] const_iterator begin() const noexcept { return tensors_.begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return tensors_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return tensors_.size(); }
  [[nodiscard]] bool empty() const noexcept { return tensors_.empty(); }

  /// The tensor of that name, or null.
  [[nodiscard]] const value_type* find(std::string_view name) const noexcept {
    for (const value_type& tensor : tensors_)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }
  [[nodiscard]] value_type* find(std::string_view name) noexcept {
    return const_cast<value_type*>(std::as_const(*this).find(name));
  }

  /// @throws argument_error (unknown_name)
  [[nodiscard]] const value_type& operator[](std::string_view name) const {
    if (const value_type* found = find(name)) return *found;
    throw argument_error(errc::unknown_name, detail::concat("named_tensors: no tensor is called ",
                                                            name, "; there are ", size()));
  }
  [[nodiscard]] value_type& operator[](std::string_view name) {
    return const_cast<value_type&>(std::as_const(*this)[name]);
  }
  /// A tensor is taken by its name: its position says nothing about what it is.
  void operator[](std::size_t) const = delete;

  void reserve(std::size_t tensors) { tensors_.reserve(tensors); }
  void push_back(value_type tensor) { tensors_.push_back(std::move(tensor)); }
  /// Adds named_tensor<S>{arguments...}. @returns it, until the next one is added
  template <class... Arguments>
  value_type& emplace_back(Arguments&&... arguments) {
    return tensors_.emplace_back(value_type{std::forward<Arguments>(arguments)...});
  }

 private:
  std::vector<value_type> tensors_;
};

}  // namespace v0
}  // namespace prunus
