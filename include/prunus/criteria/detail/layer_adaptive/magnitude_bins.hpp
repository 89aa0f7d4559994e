// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/simd_scores.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::lower_bound, std::max, std::min, std::upper_bound
#include <bit>        // std::bit_cast
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint32_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::pair
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What the squares of all magnitudes from `from` on sum to, where that is known.
struct known_sum {
  float from = std::numeric_limits<float>::infinity();
  double squares = 0;
};

/// Some magnitudes, or a sample of them, counted in bins of their bits, and between which bounds
/// the scores of each bin lie under a layer_normalized_rule.
class magnitude_bins {
 public:
  /// @param each how many magnitudes one of `values` stands for
  void count(std::span<const float> values, double each) {
    each_ = each;
    std::uint32_t least = magnitude_bits<float>, most = 0;
    for (const float value : values) {  // zero becomes the largest of all
      least = std::min(least, bits_of(value) - 1);
      most = std::max(most, bits_of(value));
    }
    least_ = std::min(least + 1, most);
    shift_ = 0;
    while (((most - least_) >> shift_) >= most_bins) ++shift_;
    below_.assign(((most - least_) >> shift_) + 2, 0);
    for (const float value : values)
      if (const std::uint32_t bits = bits_of(value); bits > 0)
        ++below_[((bits - least_) >> shift_) + 1];
      else
        ++below_[0];
    for (std::size_t b = 1; b < below_.size(); ++b) below_[b] += below_[b - 1];
  }

  /// Bounds for the scores of each bin, `deviations` of the sample away.
  /// @param above the sum of the squares of what is larger than all values
  template <class Rule>
  void bound_scores(double above, double deviations, const known_sum& known) {
    const std::size_t bins = below_.size() - 1;
    lowest_.resize(bins);
    highest_.resize(bins);
    double at_least = above, at_most = above, variance = 0, in_last = 0;
    float low = std::numeric_limits<float>::infinity(), high = low;
    bool to_be_known = known.from < low;
    double reach = 0;
    for (std::size_t b = bins; b-- > 0;) {  // from the largest down
      const auto first = static_cast<double>(first_of(b)), last = static_cast<double>(last_of(b));
      const double smallest = first * first, largest = last * last;
      const Eigen::Index counted = below_[b + 1] - below_[b];
      if (to_be_known && last < static_cast<double>(known.from)) {
        to_be_known = false;
        variance = 0;
        at_least = known.squares;
        at_most = known.squares + in_last;  // a bin may reach below
      }
      high = std::min(high, static_cast<float>(
                                Rule::element_score(largest, std::max(at_least - reach, largest))));
      if (counted > 0) {
        const double here = each_ * static_cast<double>(counted);
        in_last = here * largest;
        at_most += in_last;
        at_least += here * smallest;
        variance += (each_ - 1) * in_last * largest;
        reach = deviations * std::sqrt(variance);
      }
      // A sample may have missed what is rare and large; beyond what is known, that bounds it.
      const double most = to_be_known ? known.squares + in_last : at_most + reach;
      low = std::min(low, static_cast<float>(Rule::element_score(smallest, most)));
      lowest_[b] = low;
      highest_[b] = high;
    }
  }

  /// How many magnitudes score below `score` if all do that may, and if only those do that must.
  [[nodiscard]] double most_below(float score) const { return below(lowest_, score); }
  [[nodiscard]] double fewest_below(float score) const { return below(highest_, score); }

  /// A magnitude such that all up to it score below `score`; 0 where the bins tell of none.
  [[nodiscard]] float surely_below(float score) const {
    const std::size_t b = first_not_below(highest_, score);
    return b == 0 ? 0.0F : last_of(b - 1);
  }
  /// A magnitude such that all from it on score above `score`; infinity where the bins tell of
  /// none.
  [[nodiscard]] float surely_above(float score) const {
    const auto at = std::upper_bound(lowest_.begin(), lowest_.end(), score);
    return at == lowest_.end() ? std::numeric_limits<float>::infinity()
                               : first_of(static_cast<std::size_t>(at - lowest_.begin()));
  }

 private:
  static constexpr std::uint32_t most_bins = 2048;

  /// NaN and infinity count as the largest finite number.
  [[nodiscard]] static std::uint32_t bits_of(float value) noexcept {
    return std::min(std::bit_cast<std::uint32_t>(value) & magnitude_bits<float>,
                    std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max()));
  }
  [[nodiscard]] float first_of(std::size_t bin) const noexcept {
    return std::bit_cast<float>(least_ + (static_cast<std::uint32_t>(bin) << shift_));
  }
  [[nodiscard]] float last_of(std::size_t bin) const noexcept {
    return std::bit_cast<float>(
        std::min(least_ + ((static_cast<std::uint32_t>(bin) + 1) << shift_) - 1,
                 std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max())));
  }
  [[nodiscard]] static std::size_t first_not_below(const std::vector<float>& bounds, float score) {
    return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), score) -
                                    bounds.begin());
  }
  [[nodiscard]] double below(const std::vector<float>& bounds, float score) const {
    if (!(score > 0)) return 0;
    return each_ * static_cast<double>(below_[first_not_below(bounds, score)]);
  }

  double each_ = 1;
  std::uint32_t least_ = 0;  // bits of the smallest magnitude that is not zero
  int shift_ = 0;
  std::vector<Eigen::Index> below_;  // magnitudes in the bins before this one, and zeros
  std::vector<float> lowest_, highest_;
};

/// Two scores such that fewer than `rank` magnitudes of all bins score below the first, and at
/// least so many below the second, give or take `slack` of them.
[[nodiscard]] inline std::pair<float, float> bracket_of_rank(std::span<const magnitude_bins> all,
                                                             double rank, double slack) {
  const auto first_score = [](const auto& is_enough) {  // where it becomes true, by its bits
    std::uint32_t from = 0,
                  to = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::infinity());
    while (from < to) {
      const std::uint32_t middle = from + (to - from) / 2;
      if (is_enough(std::bit_cast<float>(middle)))
        to = middle;
      else
        from = middle + 1;
    }
    return to;
  };
  const std::uint32_t beyond = first_score([&](float score) {
    double most = 0;
    for (const magnitude_bins& bins : all) most += bins.most_below(score);
    return most >= rank - slack;
  });
  const std::uint32_t enough = first_score([&](float score) {
    double fewest = 0;
    for (const magnitude_bins& bins : all) fewest += bins.fewest_below(score);
    return fewest >= rank + slack;
  });
  return {std::bit_cast<float>(beyond == 0 ? beyond : beyond - 1), std::bit_cast<float>(enough)};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
