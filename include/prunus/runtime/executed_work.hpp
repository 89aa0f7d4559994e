// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Which channels of each sample are open: one byte a channel, 0 = closed, sample after sample. A
/// null pointer means that all are open.
struct open_channels {
  const std::uint8_t* inputs = nullptr;   ///< samples x in
  const std::uint8_t* outputs = nullptr;  ///< samples x out

  /// Those of sample `n` and the ones behind it, of layers of so many channels.
  [[nodiscard]] constexpr open_channels from(Index n, Index in, Index out) const noexcept {
    return {inputs == nullptr ? nullptr : inputs + n * in,
            outputs == nullptr ? nullptr : outputs + n * out};
  }
};

/// What a gated layer did. Runs add up.
struct executed_work {
  Index macs = 0;        ///< multiply-adds executed, as the kernels counted them
  Index dense_macs = 0;  ///< of the same samples with every channel open
  Index gathered = 0;    ///< samples of which only open channels were computed
  Index dense = 0;       ///< samples that were faster computed whole

  constexpr executed_work& operator+=(const executed_work& other) noexcept {
    macs += other.macs;
    dense_macs += other.dense_macs;
    gathered += other.gathered;
    dense += other.dense;
    return *this;
  }
  [[nodiscard]] constexpr Index samples() const noexcept { return gathered + dense; }
  /// Executed multiply-adds over dense ones; 1 before the first sample.
  [[nodiscard]] constexpr double share() const noexcept {
    return dense_macs == 0 ? 1.0 : static_cast<double>(macs) / static_cast<double>(dense_macs);
  }
  friend constexpr bool operator==(const executed_work&, const executed_work&) = default;
};

/// When a gated layer stops gathering. A property of the layer and of the machine: see
/// `measure_gated_crossover`.
struct gated_options {
  /// Share of the multiply-adds that are open from which on a sample is computed dense: 1 only
  /// where nothing is closed, above 1 never, 0 always.
  double dense_from = 1;
};

}  // namespace v0
}  // namespace prunus
