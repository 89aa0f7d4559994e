// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/keep_reason.hpp>
#include <prunus/structure/tensor_shape.hpp>

#include <cstddef>   // std::size_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <utility>   // std::pair
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// How the channels of a node's result relate to those of its inputs: what an operation says of
/// itself so that channels which must live and die together are found.
///
/// For each channel of the result, `from` names the channel of an input that it is, or says that it
/// is a new one. `ties` are channels, of inputs or of the result, that go only together. A channel
/// of an input that is in none of them, and that no weight reads, is taken to be used in a way that
/// is not known, and stays, unless `unread` says that nothing comes of it.
struct channel_map {
  /// A channel of an input, or, with input == result, of the result.
  struct channel {
    static constexpr Index result = -1;
    Index input = result;
    Index number = 0;

    [[nodiscard]] constexpr bool is_new() const noexcept { return input == result; }
    friend constexpr bool operator==(const channel&, const channel&) = default;
  };

  std::vector<channel> from;
  std::vector<std::pair<channel, channel>> ties{};
  std::vector<channel> unread{};       ///< channels of inputs that the result does not depend on
  std::optional<keep_reason> keeps{};  ///< all channels that it takes and makes stay, and why

  /// New channels: what a weight makes.
  template <class = compiled_on_use>
  [[nodiscard]] static channel_map fresh(Index channels) {
    channel_map map;
    for (Index c = 0; c < channels; ++c) map.from.push_back({channel::result, c});
    return map;
  }
  /// The channels of the first input; those of the others are tied to them, one by one.
  template <class = compiled_on_use>
  [[nodiscard]] static channel_map same(std::span<const tensor_shape> inputs) {
    channel_map map = repeated(inputs.front().channels, 1);
    for (std::size_t k = 1; k < inputs.size(); ++k)
      for (Index c = 0; c < inputs.front().channels; ++c)
        map.ties.push_back({{0, c}, {static_cast<Index>(k), c}});
    return map;
  }
  /// Each of the first input's channels, `times` in a row.
  template <class = compiled_on_use>
  [[nodiscard]] static channel_map repeated(Index channels, Index times) {
    channel_map map;
    map.from.reserve(static_cast<std::size_t>(channels * times));
    for (Index c = 0; c < channels; ++c)
      for (Index k = 0; k < times; ++k) map.from.push_back({0, c});
    return map;
  }
  /// The first input's channels in another order: channel c of the result is number `order[c]`.
  template <class = compiled_on_use>
  [[nodiscard]] static channel_map permuted(std::span<const Index> order) {
    channel_map map;
    for (const Index c : order) map.from.push_back({0, c});
    return map;
  }

  /// Ties channel i of every group to channel i of the first one, so that groups stay equal.
  /// `input` is a number of an input, or channel::result.
  template <class = compiled_on_use>
  void tie_groups(Index input, Index channels, Index groups) {
    const Index size = channels / groups;
    for (Index c = size; c < channels; ++c) ties.push_back({{input, c % size}, {input, c}});
  }
};

}  // namespace v0
}  // namespace prunus
