// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/resolve.hpp>

namespace prunus {
inline namespace v0 {

/// What a network, or one node of it, costs for one sample.
///
/// - `macs`: multiply-adds of convolutions (output positions x out_channels x in_channels / groups
/// x kernel area;
///   positions in the zero padding count), of linear layers (positions x in x out) and of the two
///   products of attention (query positions x key positions x channels of query and value). All
///   other nodes count 0: the usual convention of published tables.
/// - `parameters`: weights, biases, scales and shifts: what training changes. Running statistics do
/// not count.
/// - `bytes`: what the tensors of the network take to store, running statistics included.
struct cost {
  Index macs = 0;
  Index parameters = 0;
  Index bytes = 0;

  constexpr cost& operator+=(const cost& other) noexcept {
    macs += other.macs;
    parameters += other.parameters;
    bytes += other.bytes;
    return *this;
  }
  friend constexpr bool operator==(const cost&, const cost&) = default;
};

namespace detail {

/// Running statistics are stored but not trained.
[[nodiscard]] constexpr bool is_statistic(parameter_role role) noexcept {
  return role == parameter_role::running_mean || role == parameter_role::running_variance;
}

inline void expect_scalar_bytes(Index scalar_bytes) {
  if (scalar_bytes < 1)
    throw argument_error(errc::out_of_range, concat("cost: a scalar of ", scalar_bytes,
                                                    " bytes; it must have at least 1"));
}

}  // namespace detail

/// The cost of one node; `scalar_bytes` is the size of one stored value.
/// @throws argument_error (out_of_range) for a scalar_bytes below 1
template <class = compiled_on_use>
[[nodiscard]] cost cost_of(const resolved_graph::node& node, Index scalar_bytes = 4) {
  detail::expect_scalar_bytes(scalar_bytes);
  cost own;
  own.macs = node.products;
  for (const parameter_declaration& p : node.parameters) {
    if (!detail::is_statistic(p.role)) own.parameters += p.size();
    own.bytes += p.size() * scalar_bytes;
    // Every weight of a convolution or linear layer is multiplied once at every position of the
    // result.
    if (p.role == parameter_role::weight) own.macs += p.size() * node.shape.plane();
  }
  return own;
}

/// The cost of the whole network. Linear in its nodes.
/// @throws argument_error (out_of_range) for a scalar_bytes below 1
template <class = compiled_on_use>
[[nodiscard]] cost cost_of(const resolved_graph& network, Index scalar_bytes = 4) {
  detail::expect_scalar_bytes(scalar_bytes);
  cost total;
  for (const resolved_graph::node& node : network.nodes) total += cost_of(node, scalar_bytes);
  return total;
}

}  // namespace v0
}  // namespace prunus
