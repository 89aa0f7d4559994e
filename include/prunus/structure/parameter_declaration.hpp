// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>

#include <array>     // std::array
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint8_t
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// What a tensor of a node is for.
enum class parameter_role : std::uint8_t {
  weight,
  bias,
  scale,
  shift,
  running_mean,
  running_variance,
  table  ///< rows are looked up and multiply nothing
};

/// Its values make a channel what it is, so that they say how important it is.
[[nodiscard]] constexpr bool is_scored(parameter_role role) noexcept {
  return role == parameter_role::weight || role == parameter_role::table;
}
/// Running statistics are stored but not trained.
[[nodiscard]] constexpr bool is_statistic(parameter_role role) noexcept {
  return role == parameter_role::running_mean || role == parameter_role::running_variance;
}

/// The in axis of a weight reads the channels of an input of the node: with n channels in g groups
/// it has n / g positions, and position i reads channel i of every group. What is read acts
/// linearly, so that a channel that is the constant v adds v times the sum of its kernel to each
/// output, wherever nothing stands in the way.
struct channel_reading {
  std::size_t input = 0;
  Index groups = 1;
  bool breaks_constants = false;  ///< zero padding or a stride makes a constant other than zero
                                  ///< vary over the positions of the result
  friend constexpr bool operator==(const channel_reading&, const channel_reading&) = default;
};

/// A tensor that a node owns. An operation calls it "weight" or "bias"; in a network it has a full
/// name, "conv1.weight" unless a table of names says otherwise.
struct parameter_declaration {
  std::string name;
  std::vector<Index> shape;  ///< 1 to 5 extents, in the order of `axes`
  parameter_role role = parameter_role::weight;
  layout axes = layout("O");
  bool per_channel = true;  ///< its out axis has one position for each channel of the result
  std::optional<channel_reading> reads{};  ///< what its in axis stands for; unset: nothing
  std::string tensor{};                    ///< in a network: what the operation calls it, "weight"

  [[nodiscard]] Index size() const noexcept {
    Index product = 1;
    for (const Index extent : shape) product *= extent;
    return product;
  }
  /// Along out, in, height, width; depth counts into the height.
  [[nodiscard]] std::array<Index, 4> extents() const noexcept {
    std::array<Index, 4> result{1, 1, 1, 1};
    for (std::size_t k = 0; k < shape.size(); ++k) {
      const char letter = axes.text()[k];
      const std::size_t at = letter == 'O' ? 0 : letter == 'I' ? 1 : letter == 'W' ? 3 : 2;
      result[at] *= shape[k];
    }
    return result;
  }
  friend bool operator==(const parameter_declaration&, const parameter_declaration&) = default;
};

}  // namespace v0
}  // namespace prunus
