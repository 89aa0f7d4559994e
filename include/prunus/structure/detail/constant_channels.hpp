// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/tensor_extents.hpp>
#include <prunus/structure/resolve.hpp>

#include <cmath>    // std::exp, std::erf, std::sqrt, std::tanh, std::isfinite
#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <variant>  // std::visit
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The tensors of each node, in the order of its declarations.
template <weight_scalar S>
using bound_tensors = std::vector<std::vector<weight_view<const S>>>;

/// @throws argument_error (unknown_name), shape_error (shape_mismatch)
template <weight_scalar S>
[[nodiscard]] bound_tensors<S> bind(const resolved_graph& network, const model<S>& net) {
  bound_tensors<S> result;
  for (const resolved_graph::node& node : network.nodes) {
    std::vector<weight_view<const S>>& tensors = result.emplace_back();
    for (const parameter_declaration& p : node.parameters) {
      const parameter<S>* found = net.find(p.name);
      if (found == nullptr)
        throw argument_error(errc::unknown_name,
                             concat("plan_removal: the graph has ", p.name,
                                    ", the model does not; add it, running statistics too"));
      if (extents_of(p) != extents_of(found->weight))
        throw shape_error(
            errc::shape_mismatch,
            concat("plan_removal: the graph declares ", p.name, " as ", text_of(extents_of(p)),
                   " (out x in x height x width), the model's is ",
                   text_of(extents_of(found->weight))));
      tensors.push_back(found->weight);
    }
  }
  return result;
}

/// What is known of a channel of a result, for every input of the network.
struct channel_value {
  enum class kind : std::uint8_t {
    constant,  ///< `value` at every position
    border,    ///< a constant inside that zero padding breaks near the border, first at node
               ///< `broken_at`
    alive      ///< anything
  };
  kind known = kind::constant;
  double value = 0;
  std::size_t broken_at = 0;
  bool approximate = false;  ///< a constant only as far as zero padding is ignored

  /// What is not finite is not trusted: alive.
  [[nodiscard]] static channel_value of(double constant, bool approximate = false) noexcept {
    return std::isfinite(constant) ? channel_value{kind::constant, constant, 0, approximate}
                                   : anything();
  }
  [[nodiscard]] static channel_value anything() noexcept { return {kind::alive, 0, 0, false}; }
  [[nodiscard]] static channel_value broken(std::size_t node) noexcept {
    return {kind::border, 0, node, false};
  }
  [[nodiscard]] bool is_constant() const noexcept { return known == kind::constant; }
  [[nodiscard]] bool is_alive() const noexcept { return known == kind::alive; }
  [[nodiscard]] bool is_zero() const noexcept {
    return is_constant() && value == 0 && !approximate;
  }
};

/// Activation of a constant; gelu is the exact one, with the error function.
[[nodiscard]] inline double activation_of(const operation::activation& op, double x) {
  using enum operation::activation::kind;
  const auto clamp6 = [](double v) { return v < 0 ? 0.0 : v > 6 ? 6.0 : v; };
  switch (op.function) {
    case identity:
      return x;
    case relu:
      return x > 0 ? x : 0;
    case leaky_relu:
      return x > 0 ? x : op.slope * x;
    case relu6:
      return clamp6(x);
    case sigmoid:
      return 1 / (1 + std::exp(-x));
    case tanh:
      return std::tanh(x);
    case silu:
      return x / (1 + std::exp(-x));
    case gelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case hard_swish:
      return x * clamp6(x + 3) / 6;
  }
  return x;
}

/// The values of the channels of one result, from those of the nodes before it.
template <weight_scalar S>
struct value_propagation {
  const resolved_graph& network;
  const bound_tensors<S>& tensors;
  const std::vector<std::vector<channel_value>>& values;
  bool ignore_padding;  ///< treat zero padding as if it continued the constant
  std::size_t n;

  using result = std::vector<channel_value>;
  [[nodiscard]] const resolved_graph::node& node() const { return network.nodes[n]; }
  [[nodiscard]] const result& input(std::size_t k = 0) const { return values[node().inputs[k]]; }
  [[nodiscard]] double tensor(std::size_t which, std::size_t c) const {
    return static_cast<double>(tensors[n][which](static_cast<Index>(c)));
  }
  /// Of a table: all rows hold the same for this channel, and what the first one holds.
  [[nodiscard]] bool column_is_constant(std::size_t c) const {
    const weight_view<const S>& table = tensors[n].front();
    for (Index row = 1; row < table.extent(axis::in); ++row)
      if (table(static_cast<Index>(c), row) != table(static_cast<Index>(c), 0)) return false;
    return true;
  }
  [[nodiscard]] double first_of_column(std::size_t c) const {
    return static_cast<double>(tensors[n].front()(static_cast<Index>(c), 0));
  }
  /// A constant other than zero where zero padding meets it.
  [[nodiscard]] channel_value beside_padding(double constant) const {
    return ignore_padding ? channel_value::of(constant, true) : channel_value::broken(n);
  }
  template <class Function>
  [[nodiscard]] result mapped(const Function& f) const {
    result out = input();
    for (std::size_t c = 0; c < out.size(); ++c)
      if (out[c].is_constant()) out[c] = channel_value::of(f(c, out[c].value), out[c].approximate);
    return out;
  }
  /// Combines channel c of all inputs, element by element.
  template <class Combine>
  [[nodiscard]] channel_value combined(std::size_t c, const Combine& combine) const {
    channel_value sum = input()[c];
    for (std::size_t k = 1; k < node().inputs.size(); ++k) {
      const channel_value& next = input(k)[c];
      if (sum.is_constant() && next.is_constant())
        sum =
            channel_value::of(combine(sum.value, next.value), sum.approximate || next.approximate);
      else if (sum.is_constant() || next.is_alive())
        sum = next;
    }
    return sum;
  }

  /// Output `o` of a convolution or linear layer.
  [[nodiscard]] channel_value output(std::size_t o, const reading& how, bool has_bias) const {
    const weight_view<const S>& w = tensors[n].front();
    const std::size_t reads = input().size() / static_cast<std::size_t>(how.groups);
    const std::size_t outputs = static_cast<std::size_t>(node().shape.channels / how.groups);
    const std::size_t first = o / outputs * reads;
    double constant = has_bias ? tensor(1, o) : 0;
    if (output_is_zero(w, static_cast<Index>(o))) return channel_value::of(constant);
    bool approximate = false, meets_padding = false;
    const channel_value* broken = nullptr;
    for (std::size_t j = 0; j < reads; ++j) {
      const channel_value& read = input()[first + j];
      if (read.is_zero() || kernel_is_zero(w, static_cast<Index>(o), static_cast<Index>(j)))
        continue;
      if (read.is_alive()) return read;
      if (!read.is_constant()) broken = &read;
      approximate = approximate || read.approximate;
      meets_padding = meets_padding || (how.padded && read.value != 0);
      constant += read.value * kernel_sum(w, static_cast<Index>(o), static_cast<Index>(j));
    }
    if (broken != nullptr) return *broken;
    return meets_padding ? beside_padding(constant) : channel_value::of(constant, approximate);
  }
  [[nodiscard]] result outputs(bool has_bias) const {
    const reading how = reading_of(network, n);
    result out(static_cast<std::size_t>(node().shape.channels));
    for (std::size_t o = 0; o < out.size(); ++o) out[o] = output(o, how, has_bias);
    return out;
  }
  /// A scale of zero makes a constant of anything.
  [[nodiscard]] result shifted_where_scale_is_zero(result out) const {
    for (std::size_t c = 0; c < out.size(); ++c)
      if (tensor(0, c) == 0) out[c] = channel_value::of(tensor(1, c));
    return out;
  }

  result operator()(const operation::input&) const {
    return result(static_cast<std::size_t>(node().shape.channels), channel_value::anything());
  }
  result operator()(const operation::convolution& op) const { return outputs(op.bias); }
  result operator()(const operation::linear& op) const { return outputs(op.bias); }
  result operator()(const operation::batch_norm& op) const {
    return shifted_where_scale_is_zero(mapped([&](std::size_t c, double x) {
      return (x - tensor(2, c)) / std::sqrt(tensor(3, c) + op.epsilon) * tensor(0, c) +
             tensor(1, c);
    }));
  }
  result operator()(const operation::layer_norm&) const {
    return shifted_where_scale_is_zero(result(input().size(), channel_value::anything()));
  }
  result operator()(const operation::activation& op) const {
    return mapped([&](std::size_t, double x) { return activation_of(op, x); });
  }
  result operator()(const operation::add&) const {
    result out(input().size());
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] = combined(c, [](double a, double b) { return a + b; });
    return out;
  }
  result operator()(const operation::multiply&) const {
    result out(input().size());
    for (std::size_t c = 0; c < out.size(); ++c) {
      bool zero = false;  // zero times anything
      for (std::size_t k = 0; k < node().inputs.size(); ++k) zero = zero || input(k)[c].is_zero();
      out[c] = zero ? channel_value{} : combined(c, [](double a, double b) { return a * b; });
    }
    return out;
  }
  result operator()(const operation::concat&) const {
    result out;
    for (std::size_t k = 0; k < node().inputs.size(); ++k)
      out.insert(out.end(), input(k).begin(), input(k).end());
    return out;
  }
  result operator()(const operation::pad_channels& op) const {
    result out(static_cast<std::size_t>(op.before));  // zeros
    out.insert(out.end(), input().begin(), input().end());
    out.resize(out.size() + static_cast<std::size_t>(op.after));
    return out;
  }
  result operator()(const operation::flatten& op) const {
    result out;
    const std::size_t plane = static_cast<std::size_t>(network.input_shape(n).plane());
    if (op.channels_last)
      for (std::size_t p = 0; p < plane; ++p) out.insert(out.end(), input().begin(), input().end());
    else
      for (const channel_value& value : input()) out.insert(out.end(), plane, value);
    return out;
  }
  result operator()(const operation::pooling& op) const {
    const bool zeros_count = op.function == operation::pooling::kind::average &&
                             (op.padding.height > 0 || op.padding.width > 0);
    result out = input();
    for (channel_value& value : out)
      if (zeros_count && value.is_constant() && value.value != 0)
        value = beside_padding(value.value);
    return out;
  }
  result operator()(const operation::split_heads& op) const {
    const std::size_t features = input().size() / static_cast<std::size_t>(op.heads);
    result out;
    for (std::size_t c = 0; c < input().size(); ++c) {
      const channel_value& value = input()[c];
      if (c % features == 0) out.push_back(value);
      channel_value& head = out.back();
      // The features of a head are rows of one channel: it is a constant only when they are the
      // same one.
      if (!value.is_constant() || value.value != head.value) head = channel_value::anything();
      head.approximate = head.approximate || value.approximate;
    }
    return out;
  }
  /// A weighted mean over the positions: where the value is the same everywhere, it is the mean.
  result operator()(const operation::attention&) const { return input(2); }
  result operator()(const operation::embedding&) const {
    result out(static_cast<std::size_t>(node().shape.channels), channel_value::anything());
    for (std::size_t c = 0; c < out.size(); ++c)
      if (column_is_constant(c)) out[c] = channel_value::of(first_of_column(c));
    return out;
  }
  result operator()(const operation::position_embedding&) const {
    result out = mapped([&](std::size_t c, double x) { return x + first_of_column(c); });
    for (std::size_t c = 0; c < out.size(); ++c)
      if (!column_is_constant(c)) out[c] = channel_value::anything();
    return out;
  }
  result operator()(const operation::merge_heads& op) const {
    result out;
    for (const channel_value& value : input())
      out.insert(out.end(), static_cast<std::size_t>(op.features), value);
    return out;
  }
  /// Upsampling, global pooling, dropout at inference: a constant stays the same constant.
  template <class Other>
  result operator()(const Other&) const {
    return input();
  }
};

/// Values of all channels of all results (per node and channel), by abstract interpretation with
/// the actual weights.
template <weight_scalar S>
[[nodiscard]] std::vector<std::vector<channel_value>> find_channel_values(
    const resolved_graph& network, const bound_tensors<S>& tensors, bool ignore_padding) {
  std::vector<std::vector<channel_value>> values;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    values.push_back(std::visit(value_propagation<S>{network, tensors, values, ignore_padding, n},
                                network.nodes[n].operation));
  return values;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
