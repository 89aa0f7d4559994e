// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>    // std::sqrt
#include <cstddef>  // std::size_t
#include <cstdint>  // std::int64_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What was seen of the channels that belong to one weight: its outputs, or its inputs.
struct activation_record {
  std::string name;
  Index samples = 0;
  Index positions = 0;               ///< values seen of each channel: samples x positions of each
  std::vector<std::int64_t> active;  ///< values that are not 0
  std::vector<double> sum, magnitude, square, weighted;  ///< of x, |x|, x^2 and accuracy * x

  [[nodiscard]] Index channels() const noexcept { return static_cast<Index>(active.size()); }

  /// Share of the values of a channel that are 0, in [0, 1]: the APoZ of the channel.
  [[nodiscard]] double zero_share(Index c) const noexcept { return 1 - active_share(c); }
  [[nodiscard]] double active_share(Index c) const noexcept {
    return mean_of(static_cast<double>(active[at(c)]));
  }
  [[nodiscard]] double mean(Index c) const noexcept { return mean_of(sum[at(c)]); }
  [[nodiscard]] double mean_magnitude(Index c) const noexcept { return mean_of(magnitude[at(c)]); }
  /// Euclidean norm of all values of a channel.
  [[nodiscard]] double norm(Index c) const noexcept { return std::sqrt(square[at(c)]); }

  /// No values of `channels` channels.
  void clear(Index channels) {
    samples = positions = 0;
    active.assign(at(channels), 0);
    for (auto* sums : {&sum, &magnitude, &square, &weighted}) sums->assign(at(channels), 0.0);
  }
  /// Takes the values that `other` has seen as seen here. @pre as many channels
  void add(const activation_record& other) noexcept {
    samples += other.samples;
    positions += other.positions;
    for (std::size_t c = 0; c < active.size(); ++c) {
      active[c] += other.active[c];
      sum[c] += other.sum[c];
      magnitude[c] += other.magnitude[c];
      square[c] += other.square[c];
      weighted[c] += other.weighted[c];
    }
  }

  friend bool operator==(const activation_record&, const activation_record&) = default;

 private:
  [[nodiscard]] static std::size_t at(Index c) noexcept { return static_cast<std::size_t>(c); }
  [[nodiscard]] double mean_of(double total) const noexcept {
    return positions == 0 ? 0.0 : total / static_cast<double>(positions);
  }
};

}  // namespace v0
}  // namespace prunus
