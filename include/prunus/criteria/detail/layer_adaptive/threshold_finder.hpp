// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/pool_ref.hpp>
#include <prunus/criteria/detail/layer_adaptive/compensated_sum.hpp>
#include <prunus/criteria/detail/layer_adaptive/layer_normalized_source.hpp>
#include <prunus/criteria/detail/layer_adaptive/magnitude_bins.hpp>
#include <prunus/selection/chunks.hpp>
#include <prunus/selection/score_scan.hpp>
#include <prunus/selection/selection.hpp>

#include <algorithm>  // std::max, std::min, std::nth_element, std::sort
#include <array>      // std::array
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <numeric>    // std::accumulate
#include <optional>   // std::optional
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Finds thresholds through layer-normalized sources, without writing scores.
///
/// A sample tells between which two magnitudes the cut lies in every source; one pass counts what
/// is smaller, sums the squares of what is larger and collects what lies between; bins narrow that
/// down until it can be sorted, and then the scores of what is left are known exactly. At the end
/// it is checked that what was left out scores as was thought.
template <class Rule>
class threshold_finder<layer_normalized_source<Rule>> {
 public:
  explicit threshold_finder(std::span<const layer_normalized_source<Rule>> sources,
                            pool_ref pool = {})
      : sources_(sources), pool_(pool) {}

  /// The threshold is a score; those of the sources, in each(), are magnitudes. Nullopt where
  /// scores have to be written to tell: squares that are not finite, a cut through different
  /// magnitudes of equal score, sums that lost bits, samples that misled twice.
  /// @pre removed in [1, number of all weights]
  [[nodiscard]] std::optional<score_threshold<float>> find(Index removed) {
    std::vector<known_sum> known(sources_.size());
    for (const double deviations : {3.0, 12.0}) {
      parts_.assign(sources_.size(), part{});
      Index rank = removed;
      for (int pass = 0; pass < most_passes && rank >= 1 && (pass == 0 || rank <= open()); ++pass) {
        if (pass > 0 && open() <= few) break;
        narrow(pass == 0, rank, deviations, known);
        if (!scan(pass == 0, rank)) return std::nullopt;
      }
      score_threshold<float> cut{0, 0, 0, removed};
      switch (rank < 1 ? threshold_among_zeros(cut) : threshold_among_open(rank, cut)) {
        case threshold_status::found:
          return cut;
        case threshold_status::needs_written_scores:
          return std::nullopt;
        case threshold_status::sample_failed:
          break;
      }
      for (std::size_t r = 0; r < parts_.size(); ++r)
        known[r] = {parts_[r].high, parts_[r].above.value()};
    }
    return std::nullopt;
  }

  /// Whether all squares are finite.
  [[nodiscard]] bool sees_all_finite() const {
    const std::vector<chunk> chunks = chunks_of(sources_);
    std::vector<Index> infinite(chunks.size());
    pool_.run(static_cast<Index>(chunks.size()), [&](Index task) {
      const auto s = static_cast<std::size_t>(task);
      const Index size = chunks[s].size;
      infinite[s] = size - count_around<true>(data_of(chunks[s]), size, largest_root).up_to;
    });
    for (const Index count : infinite)
      if (count != 0) return false;
    return true;
  }

  /// Of every source, for the cut found last.
  [[nodiscard]] const std::vector<source_threshold<float>>& each() const noexcept { return each_; }

 private:
  static constexpr Index few = 4096;     ///< weights that need no sample
  static constexpr Index sampled = 128;  ///< of so many weights one
  static constexpr int most_passes = 3;
  static constexpr float largest_root = 0x1.fffffep63F;  ///< whose square is finite
  static constexpr float infinity = std::numeric_limits<float>::infinity();

  enum class threshold_status : std::uint8_t { found, sample_failed, needs_written_scores };

  /// What is known of a source: how many of its magnitudes are not above `low`, what the squares of
  /// those from `high` on sum to, and which lie between.
  struct part {
    Index below = 0;
    float low = 0, high = infinity;
    compensated_sum above;
    std::vector<float> open;
  };

  [[nodiscard]] Index open() const noexcept {
    Index size = 0;
    for (const part& p : parts_) size += static_cast<Index>(p.open.size());
    return size;
  }
  [[nodiscard]] static float score(float magnitude, double no_smaller) {
    return static_cast<float>(
        Rule::element_score(static_cast<double>(magnitude * magnitude), no_smaller));
  }

  /// Moves the bounds between which the cut lies: by what is open, at first by a sample of all.
  void narrow(bool at_first, Index rank, double deviations, std::span<const known_sum> known) {
    std::vector<magnitude_bins> bins(parts_.size());
    std::vector<double> variance(parts_.size());  // of the weights that score below something
    pool_.run(static_cast<Index>(parts_.size()), [&](Index task) {
      const auto r = static_cast<std::size_t>(task);
      std::vector<float> sample;
      std::span<const float> seen(parts_[r].open);
      double each = 1;
      if (at_first) {
        const Index size = sources_[r].size;
        seen = {sources_[r].data, static_cast<std::size_t>(size)};
        if (size > few) {
          const std::array<score_source<float>, 1> whole{
              score_source<float>{sources_[r].data, size, true}};
          sample = sample_scores<float>(whole, size, std::max(size / sampled, few));
          seen = sample;
          each = static_cast<double>(size) / static_cast<double>(sample.size());
          variance[r] = (each - 1) * static_cast<double>(size) / 4;
        }
      }
      bins[r].count(seen, each);
      bins[r].template bound_scores<Rule>(parts_[r].above.value(), deviations,
                                          at_first ? known[r] : known_sum{});
    });
    const auto [lowest, highest] = bracket_of_rank(
        std::span<const magnitude_bins>(bins), static_cast<double>(rank),
        deviations * std::sqrt(std::accumulate(variance.begin(), variance.end(), 0.0)));
    for (std::size_t r = 0; r < parts_.size(); ++r) {
      parts_[r].low = std::max(parts_[r].low, bins[r].surely_below(lowest));
      parts_[r].high = std::min(parts_[r].high, bins[r].surely_above(highest));
    }
  }

  /// Counts, sums and collects between the bounds, and takes from `rank` what is below. False where
  /// a square is not finite.
  [[nodiscard]] bool scan(bool at_first, Index& rank) {
    std::vector<chunk> chunks;
    for (std::size_t r = 0; r < parts_.size(); ++r)
      add_chunks(chunks, r,
                 at_first ? sources_[r].size : static_cast<Index>(parts_[r].open.size()));
    struct scanned {
      scan_counts counts;
      compensated_sum above;
      std::vector<float> between;
    };
    std::vector<scanned> seen(chunks.size());
    pool_.run(static_cast<Index>(chunks.size()), [&](Index task) {
      const auto s = static_cast<std::size_t>(task);
      const part& p = parts_[chunks[s].array];
      const float* const data = at_first ? data_of(chunks[s]) : p.open.data() + chunks[s].begin;
      std::vector<float> found;  // larger than what it holds
      seen[s].counts = collect_between<true>(
          data, chunks[s].size, p.low, p.high, found, [&](Index begin, Index length) {
            if (p.high < infinity) seen[s].above.add(sum_of_squares(data + begin, length, p.high));
          });
      seen[s].between.assign(found.begin(), found.end());
    });
    for (part& p : parts_) p.open.clear();
    bool finite = true;
    for (std::size_t s = 0; s < chunks.size(); ++s) {
      part& p = parts_[chunks[s].array];
      p.open.insert(p.open.end(), seen[s].between.begin(), seen[s].between.end());
      p.below += seen[s].counts.up_to;
      p.above.add(seen[s].above);
      rank -= seen[s].counts.up_to;
      finite = finite && seen[s].counts.finite == chunks[s].size;
    }
    for (const part& p : parts_)
      finite = finite && p.low <= largest_root && is_finite(p.above.value());
    return finite;
  }
  [[nodiscard]] const float* data_of(const chunk& s) const noexcept {
    return sources_[s.array].data + s.begin;
  }
  [[nodiscard]] static bool is_finite(double x) noexcept { return x - x == 0; }

  /// All that is below the bounds is zero, and more than is to go.
  [[nodiscard]] threshold_status threshold_among_zeros(score_threshold<float>& cut) {
    each_.clear();
    for (const part& p : parts_) {
      if (p.low > 0) return threshold_status::sample_failed;
      float least = p.high;
      for (const float magnitude : p.open) least = std::min(least, magnitude);
      compensated_sum all = p.above;
      all.add(sum_of_squares(p.open.data(), static_cast<Index>(p.open.size()), 0));
      if (least < infinity && !(score(least, all.value()) > 0))
        return threshold_status::needs_written_scores;
      each_.push_back({0, 0, p.below});
      cut.equal += p.below;
    }
    return threshold_status::found;
  }

  /// The cut is through what is open, if what was left out scores as was thought.
  [[nodiscard]] threshold_status threshold_among_open(Index rank, score_threshold<float>& cut) {
    if (rank > open()) return threshold_status::sample_failed;
    std::vector<float> scores;
    std::vector<double> sums;  // of all squares above the lower bound of each source
    for (std::size_t r = 0; r < parts_.size(); ++r)
      if (!add_scores(r, scores, sums)) return threshold_status::needs_written_scores;
    std::vector<float> ranked = scores;
    const auto nth = ranked.begin() + (rank - 1);
    std::nth_element(ranked.begin(), nth, ranked.end());
    cut.threshold = *nth;
    if (!(cut.threshold > 0))
      return threshold_status::needs_written_scores;  // squares that vanish beside the sum

    each_.clear();
    bool alike = true;  // what is equal to the threshold in one source is so in magnitude, too
    const float* source_scores = scores.data();
    for (std::size_t r = 0; r < parts_.size(); ++r) {
      const part& p = parts_[r];
      if (p.high * p.high == 0) return threshold_status::needs_written_scores;
      if (p.low > 0 && !(score(p.low, sums[r]) < cut.threshold))
        return threshold_status::sample_failed;
      if (p.high < infinity && p.above.value() > 0 &&
          !(score(p.high, p.above.value()) > cut.threshold))
        return threshold_status::sample_failed;
      source_threshold<float> here{p.low, p.below, 0};
      float equal = 0;
      for (std::size_t i = p.open.size(); i-- > 0;) {  // from the smallest on
        if (source_scores[i] > cut.threshold) break;
        here.threshold = p.open[i];
        if (source_scores[i] < cut.threshold) {
          ++here.below;
          continue;
        }
        alike = alike && (here.equal == 0 || equal == p.open[i]);
        equal = p.open[i];
        ++here.equal;
      }
      source_scores += p.open.size();
      cut.below += here.below;
      cut.equal += here.equal;
      each_.push_back(here);
    }
    return alike || cut.ties() == cut.equal ? threshold_status::found
                                            : threshold_status::needs_written_scores;
  }

  /// Sorts what is open of a source, from the largest down, and appends its scores. False where a
  /// sum may not be exact.
  [[nodiscard]] bool add_scores(std::size_t r, std::vector<float>& scores,
                                std::vector<double>& sums) {
    part& p = parts_[r];
    std::sort(p.open.begin(), p.open.end(), [](float a, float b) { return a > b; });
    compensated_sum sum = p.above;
    float least = p.high < infinity ? p.high * p.high : infinity;
    for (std::size_t first = 0, last = 0; first < p.open.size(); first = last) {
      const float square = p.open[first] * p.open[first];
      while (last < p.open.size() && p.open[last] * p.open[last] == square) ++last;
      sum.add(static_cast<double>(square) * static_cast<double>(last - first));
      scores.insert(scores.end(), last - first, score(p.open[first], sum.value()));
      if (square > 0) least = square;
    }
    sums.push_back(sum.value());
    // A float is a multiple of 2^-24 of itself; see compensated_sum.
    return sum.value() == 0 || sum.value() * static_cast<double>(sources_[r].size) <=
                                   static_cast<double>(least) * 0x1p80;
  }

  std::span<const layer_normalized_source<Rule>> sources_;
  pool_ref pool_;
  std::vector<part> parts_;
  std::vector<source_threshold<float>> each_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
