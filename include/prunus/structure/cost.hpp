// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/detail/cost_terms.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>   // std::size_t
#include <limits>    // std::numeric_limits
#include <optional>  // std::optional

namespace prunus {
inline namespace v0 {

namespace detail {

/// @throws graph_error (bad_node) where there is no count
[[nodiscard]] inline Index counted(const std::optional<Index>& count) {
  if (count) return *count;
  throw graph_error(
      errc::bad_node,
      concat("cost: more multiply-adds, parameters or bytes than can be counted, ",
             std::numeric_limits<Index>::max(), "; make the input or layers smaller"));
}

}  // namespace detail

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

  /// @throws graph_error (bad_node) where a sum is beyond Index
  cost& operator+=(const cost& other) {
    const cost sum{detail::counted(detail::sum_of(macs, other.macs)),
                   detail::counted(detail::sum_of(parameters, other.parameters)),
                   detail::counted(detail::sum_of(bytes, other.bytes))};
    return *this = sum;
  }
  friend constexpr bool operator==(const cost&, const cost&) = default;
};

namespace detail {

/// Adds `each` x `first` x `second` units of a quantity.
/// @throws graph_error (bad_node) where they are beyond Index
inline void add_to(cost& total, const cost_term& term, Index first, Index second,
                   Index scalar_bytes) {
  const Index count = counted(product_of({term.each, first, second}));
  if (term.of == cost_term::quantity::macs) {
    total += {.macs = count};
    return;
  }
  total += {.parameters = term.of == cost_term::quantity::parameters ? count : 0,
            .bytes = counted(product_of({count, scalar_bytes}))};
}

inline void expect_scalar_bytes(Index scalar_bytes) {
  if (scalar_bytes < 1)
    throw argument_error(errc::out_of_range, concat("cost: a scalar of ", scalar_bytes,
                                                    " bytes; it must have at least 1"));
}

}  // namespace detail

/// The cost of node n; `scalar_bytes` is the size of one stored value.
/// @throws argument_error (out_of_range) for a scalar_bytes below 1, graph_error (bad_node: names
/// the
///         node that costs more than can be counted)
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
  try {
    detail::for_each_cost_term(node, [&](const detail::cost_term& term) {
      // Groups are of the second side where there are two.
      const Index first = channels(term.channels) / (term.pairs_with ? 1 : term.groups);
      const Index second = term.pairs_with ? channels(term.pairs_with) / term.groups : 1;
      detail::add_to(own, term, first, second, scalar_bytes);
    });
  } catch (const graph_error& problem) {
    throw graph_error(problem.code(),
                      detail::concat("graph: node ", node.name, ": ", problem.what()));
  }
  return own;
}

/// The cost of the whole network. Linear in its nodes.
/// @throws as cost_of_node
template <class = compiled_on_use>
[[nodiscard]] cost cost_of(const resolved_graph& network, Index scalar_bytes = 4) {
  cost total;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    total += cost_of_node(network, n, scalar_bytes);
  return total;
}

}  // namespace v0
}  // namespace prunus
