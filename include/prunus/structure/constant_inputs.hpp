// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/channel_value.hpp>
#include <prunus/structure/parameter_declaration.hpp>
#include <prunus/structure/tensor_reader.hpp>
#include <prunus/structure/tensor_shape.hpp>

#include <cstddef>      // std::size_t
#include <memory>       // std::shared_ptr
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What an operation is told when it is asked what its channels become: what is known of the
/// channels of its inputs, and its tensors as they are now.
class constant_inputs {
 public:
  using values = std::vector<channel_value>;

  constant_inputs(std::vector<const values*> inputs, std::vector<tensor_shape> shapes,
                  const tensor_shape& result, std::span<const parameter_declaration> declared,
                  std::span<const std::shared_ptr<const tensor_reader>> tensors, std::size_t node,
                  bool ignore_padding)
      : inputs_(std::move(inputs)),
        shapes_(std::move(shapes)),
        result_(result),
        declared_(declared),
        tensors_(tensors),
        node_(node),
        ignore_padding_(ignore_padding) {}

  [[nodiscard]] std::size_t size() const noexcept { return inputs_.size(); }
  /// The channels of input k.
  [[nodiscard]] const values& operator[](std::size_t k) const noexcept { return *inputs_[k]; }
  [[nodiscard]] const tensor_shape& shape(std::size_t k) const noexcept { return shapes_[k]; }
  [[nodiscard]] const tensor_shape& result() const noexcept { return result_; }

  /// The tensor of that role, or null.
  [[nodiscard]] const tensor_reader* find(parameter_role role) const noexcept {
    for (std::size_t k = 0; k < declared_.size(); ++k)
      if (declared_[k].role == role) return tensors_[k].get();
    return nullptr;
  }
  /// @throws graph_error (bad_node) where the operation declares no tensor of that role
  [[nodiscard]] const tensor_reader& operator[](parameter_role role) const {
    const tensor_reader* const found = find(role);
    if (found == nullptr)
      throw graph_error(errc::bad_node, "constants: asks for a tensor that it does not declare");
    return *found;
  }

  /// A constant other than zero that varies over the positions from this node on.
  [[nodiscard]] channel_value broken(double constant) const noexcept {
    return ignore_padding_ ? channel_value::of(constant, true) : channel_value::broken(node_);
  }
  /// Nothing is known of any channel of the result.
  [[nodiscard]] values anything() const {
    return values(static_cast<std::size_t>(result_.channels), channel_value::anything());
  }
  /// The first input, its constants put through `f(channel, value)`.
  template <class Function>
  [[nodiscard]] values mapped(const Function& f) const {
    values out = (*this)[0];
    for (std::size_t c = 0; c < out.size(); ++c)
      if (out[c].is_constant())
        out[c] = channel_value::of(f(static_cast<Index>(c), out[c].value), out[c].approximate);
    return out;
  }
  /// Channel c of all inputs, combined position by position.
  template <class Combine>
  [[nodiscard]] channel_value combined(std::size_t c, const Combine& combine) const {
    channel_value sum = (*this)[0][c];
    for (std::size_t k = 1; k < size(); ++k) {
      const channel_value& next = (*this)[k][c];
      if (sum.is_constant() && next.is_constant())
        sum =
            channel_value::of(combine(sum.value, next.value), sum.approximate || next.approximate);
      else if (sum.is_constant() || next.is_alive())
        sum = next;
    }
    return sum;
  }
  /// What the weight makes of the input that it reads, its bias added.
  /// @throws graph_error (bad_node) where the operation declares no weight that reads
  template <class = compiled_on_use>
  [[nodiscard]] values weighted() const {
    std::size_t at = 0;
    while (at < declared_.size() &&
           (declared_[at].role != parameter_role::weight || !declared_[at].reads))
      ++at;
    if (at == declared_.size())
      throw graph_error(errc::bad_node, "constants: declares no weight that reads an input");
    values out(static_cast<std::size_t>(result_.channels));
    for (std::size_t o = 0; o < out.size(); ++o)
      out[o] = weighted(static_cast<Index>(o), *tensors_[at], *declared_[at].reads);
    return out;
  }

 private:
  template <class = compiled_on_use>
  [[nodiscard]] channel_value weighted(Index o, const tensor_reader& weight,
                                       const channel_reading& how) const {
    const values& input = (*this)[how.input];
    const Index reads = weight.extent(axis::in), outputs = result_.channels / how.groups;
    const std::size_t first = static_cast<std::size_t>(o / outputs * reads);
    const tensor_reader* const bias = find(parameter_role::bias);
    double constant = bias == nullptr ? 0 : (*bias)(o);
    if (weight.output_is_zero(o)) return channel_value::of(constant);
    bool approximate = false, breaks = false;
    const channel_value* broken_before = nullptr;
    for (Index j = 0; j < reads; ++j) {
      const channel_value& read = input[first + static_cast<std::size_t>(j)];
      if (read.is_zero() || weight.kernel_is_zero(o, j)) continue;
      if (read.is_alive()) return read;
      if (!read.is_constant()) broken_before = &read;
      approximate = approximate || read.approximate;
      breaks = breaks || (how.breaks_constants && read.value != 0);
      constant += read.value * weight.kernel_sum(o, j);
    }
    if (broken_before != nullptr) return *broken_before;
    return breaks ? broken(constant) : channel_value::of(constant, approximate);
  }

  std::vector<const values*> inputs_;
  std::vector<tensor_shape> shapes_;
  tensor_shape result_;
  std::span<const parameter_declaration> declared_;
  std::span<const std::shared_ptr<const tensor_reader>> tensors_;
  std::size_t node_;
  bool ignore_padding_;
};

}  // namespace v0
}  // namespace prunus
