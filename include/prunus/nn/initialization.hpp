// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/random.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <cmath>    // std::sqrt
#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <span>     // std::span
#include <variant>  // std::get_if

namespace prunus {
inline namespace v0 {
namespace nn {

/// Fills with normal numbers of mean 0 and variance gain / fan_in: gain 2 in front of a rectifier,
/// 1 elsewhere.
///
/// The same (seed, stream) gives the same numbers; see counter_random for what "same" means across
/// platforms.
/// @source He, Zhang, Ren, Sun 2015, doi:10.1109/ICCV.2015.123
/// @pre fan_in >= 1
template <class S>
void he_normal(std::span<S> values, Index fan_in, double gain, std::uint64_t seed,
               std::uint64_t stream) noexcept {
  const counter_random random(seed, stream);
  const double deviation = std::sqrt(gain / static_cast<double>(fan_in));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<S>(deviation * random.normal(i));
}

/// 2 when a rectifier (relu and its relatives) is the first activation behind `node`, 1 otherwise.
[[nodiscard]] inline double rectifier_gain(const resolved_graph& graph, std::size_t node) {
  using enum operation::activation_function;
  while (!graph.nodes[node].consumers.empty()) {
    node = graph.nodes[node].consumers.front();
    const any_operation& next = graph.nodes[node].operation;
    if (next.is<operation::convolution>() || next.is<operation::linear>()) return 1;
    if (const operation::activation* op = next.as<operation::activation>())
      return op->function == identity || op->function == sigmoid || op->function == tanh ? 1 : 2;
  }
  return 1;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
