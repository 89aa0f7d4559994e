// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/detail/cost_terms.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>   // std::size_t
#include <optional>  // std::optional

namespace prunus {
inline namespace v0 {

/// What a network, or one node of it, costs for one sample.
///
/// - `macs`: multiply-adds of convolutions (output positions x out_channels x in_channels / groups
///   x kernel area; positions in the zero padding count), of linear layers (positions x in x out),
///   of the two products of attention (query positions x key positions x channels of query and
///   value), and what other operations state. All others count 0: the usual convention of published
///   tables.
/// - `parameters`: weights, biases, scales and shifts: what training changes. Running statistics do
///   not count.
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

/// Adds `count` units of a quantity.
constexpr void add_to(cost& total, cost_term::quantity what, Index count,
                      Index scalar_bytes) noexcept {
  if (what == cost_term::quantity::macs) {
    total.macs += count;
    return;
  }
  if (what == cost_term::quantity::parameters) total.parameters += count;
  total.bytes += count * scalar_bytes;
}

inline void expect_scalar_bytes(Index scalar_bytes) {
  if (scalar_bytes < 1)
    throw argument_error(errc::out_of_range, concat("cost: a scalar of ", scalar_bytes,
                                                    " bytes; it must have at least 1"));
}

}  // namespace detail

/// The cost of node n; `scalar_bytes` is the size of one stored value.
/// @throws argument_error (out_of_range) for a scalar_bytes below 1
template <class = compiled_on_use>
[[nodiscard]] cost cost_of_node(const resolved_graph& network, std::size_t n,
                                Index scalar_bytes = 4) {
  detail::expect_scalar_bytes(scalar_bytes);
  const resolved_graph::node& node = network.nodes[n];
  const auto channels = [&](const std::optional<Index>& side) -> Index {
    if (!side) return 1;
    return *side == multiply_adds::of_result
               ? node.shape.channels
               : network.nodes[node.inputs[static_cast<std::size_t>(*side)]].shape.channels;
  };
  cost own;
  detail::for_each_cost_term(node, [&](const detail::cost_term& term) {
    // Groups are of the second side where there are two.
    const Index first = channels(term.channels) / (term.pairs_with ? 1 : term.groups);
    const Index second = term.pairs_with ? channels(term.pairs_with) / term.groups : 1;
    detail::add_to(own, term.of, term.each * first * second, scalar_bytes);
  });
  return own;
}

/// The cost of the whole network. Linear in its nodes.
/// @throws argument_error (out_of_range) for a scalar_bytes below 1
template <class = compiled_on_use>
[[nodiscard]] cost cost_of(const resolved_graph& network, Index scalar_bytes = 4) {
  cost total;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    total += cost_of_node(network, n, scalar_bytes);
  return total;
}

}  // namespace v0
}  // namespace prunus
