// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/parameter_declaration.hpp>
#include <prunus/structure/tensor_shape.hpp>

#include <cstddef>           // std::size_t
#include <initializer_list>  // std::initializer_list
#include <optional>          // std::optional
#include <span>              // std::span
#include <string>            // std::string
#include <string_view>       // std::string_view
#include <vector>            // std::vector

namespace prunus {
inline namespace v0 {

/// Multiply-adds of a node for one sample, as a product: `each` for every channel of `channels`, or
/// for every pair of such a channel and one of `pairs_with`, within its group where there are
/// groups. Sides are numbers of inputs, or `of_result`.
struct multiply_adds {
  static constexpr Index of_result = -1;

  Index each = 0;
  Index channels = of_result;
  std::optional<Index> pairs_with{};
  Index groups = 1;
};

/// What an operation makes of inputs of given shapes.
struct node_description {
  tensor_shape shape;  ///< of the result
  std::vector<parameter_declaration> parameters{};
  std::vector<multiply_adds> work{};
  Index fixed_work = 0;               ///< multiply-adds that do not depend on any channel
  bool is_network_input = false;      ///< it is what the network is given
  bool takes_network_inputs = false;  ///< what it takes must be such: token numbers
};

namespace detail {

/// What an operation throws when attributes and inputs do not fit; the graph adds whose it is.
template <class... Parts>
[[noreturn]] void refuse_node(const Parts&... parts) {
  throw graph_error(errc::bad_node, concat(parts...));
}

/// A product of extents and attributes; `what` names it where it is beyond Index.
[[nodiscard]] inline Index product_or_refuse(std::string_view what,
                                             std::initializer_list<Index> factors) {
  if (const std::optional<Index> product = product_of(factors)) return *product;
  std::string text;
  for (const Index factor : factors) text += concat(text.empty() ? "" : " x ", factor);
  refuse_node("has ", text, " ", what, ", more than can be counted");
}
/// Likewise a sum.
[[nodiscard]] inline Index sum_or_refuse(std::string_view what, Index a, Index b) {
  if (const std::optional<Index> sum = sum_of(a, b)) return *sum;
  refuse_node("has ", a, " and ", b, " ", what, ", more than can be counted");
}

inline constexpr std::size_t any_number = static_cast<std::size_t>(-1);

inline void expect_inputs(std::span<const tensor_shape> inputs, std::size_t least,
                          std::size_t most) {
  if (inputs.size() < least || inputs.size() > most)
    refuse_node("takes ", least == most ? concat(least) : concat(least, " or more"),
                " inputs, has ", inputs.size());
}
[[nodiscard]] inline const tensor_shape& only_input(std::span<const tensor_shape> inputs) {
  expect_inputs(inputs, 1, 1);
  return inputs.front();
}

/// How often a window fits along an axis.
[[nodiscard]] inline Index windows(Index size, Index kernel, Index stride, Index padding) {
  if (kernel < 1 || stride < 1 || padding < 0)
    refuse_node("kernel ", kernel, ", stride ", stride, ", padding ", padding,
                " make no window; kernel and stride must be at least 1, padding at least 0");
  const Index padded =
      sum_or_refuse("positions", size, product_or_refuse("positions of padding", {2, padding}));
  if (padded < kernel)
    refuse_node("a kernel of ", kernel, " does not fit into ", size, " positions with padding ",
                padding);
  return (padded - kernel) / stride + 1;
}

/// One value a channel of the result.
[[nodiscard]] inline parameter_declaration one_a_channel(const char* name, Index channels,
                                                         parameter_role role) {
  return {name, {channels}, role};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
