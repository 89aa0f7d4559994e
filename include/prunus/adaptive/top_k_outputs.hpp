// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/selection/top_k.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max, std::min, std::nth_element, std::sort
#include <array>        // std::array
#include <cmath>        // std::abs, std::isfinite, std::nextafter
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::type_identity_t
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What finding the best units took.
struct top_k_outputs_statistics {
  Index products = 0;           ///< weights times inputs that are not 0
  Index products_computed = 0;  ///< those not skipped, and those of the units scored again
  Index units_scored = 0;       ///< exactly, at the end
};

/// The k largest outputs of a wide layer, without computing the others to the end.
///
///     prunus::top_k_outputs<float> last(view(weight), bias);
///     for (const auto& [unit, score] : last.largest(features, 10)) ...
///
/// The inputs are taken in the order of what they can still change: for each, the layer holds the
/// largest and the smallest weight of all units, which bound its contribution to any of them. A
/// block of units whose sums so far, with all that may still come, stay below the k-th best sum so
/// far is dropped. What is left at the end is scored again in double precision, the bias first,
/// then the inputs in their order: scores and ranks are those of the full product summed so. Of
/// equal scores the lower unit is the better one.
///
/// It pays where few inputs make up most of the output: sparse activations of very different size.
/// Where all are alike nothing is dropped until the last inputs, and a plain product is as fast.
///
/// @shape weight: out x in, any layout; bias: out, or empty; inputs: in; result: min(k, out)
/// Cost: keeps a copy of the weights with the units of an input side by side, and two numbers an
/// input; a call allocates the result only. Not for several threads at once: give each a copy.
/// @source the principle: C. Macdonald, I. Ounis, N. Tonellotto, "Upper-bound approximations for
/// dynamic pruning", ACM TOIS 29(4):17, 2011, 10.1145/2037661.2037662
/// @deviation our reading throughout, as the paper is about documents: a term is an input, a
/// document a unit, a posting a weight. Weights of a layer are dense, so that units are not walked
/// over one at a time but summed side by side, in blocks
template <std::floating_point S>
class top_k_outputs {
 public:
  /// @throws shape_error (shape_mismatch: a weight with height or width, a bias of another size),
  ///         value_error (not_finite)
  explicit top_k_outputs(const weight_view<const S>& weight,
                         std::span<const std::type_identity_t<S>> bias = {})
      : units_(weight.extent(axis::out)), inputs_(weight.extent(axis::in)) {
    check(weight, bias);
    const Index blocks = (units_ + block - 1) / block;
    padded_ = blocks * block;
    columns_.assign(at(inputs_ * padded_), S(0));
    // What is behind the last unit can never be the largest of its block.
    bias_.assign(at(padded_), -std::numeric_limits<S>::infinity());
    for (Index j = 0; j < units_; ++j) {
      bias_[at(j)] = bias.empty() ? S(0) : bias[at(j)];
      largest_bias_ = std::max(largest_bias_, std::abs(static_cast<double>(bias_[at(j)])));
    }
    for (Index i = 0; i < inputs_; ++i) {
      S* const column = columns_.data() + i * padded_;
      for (Index j = 0; j < units_; ++j) column[j] = weight(j, i);
      smallest_.push_back(*std::min_element(column, column + units_));
      largest_.push_back(*std::max_element(column, column + units_));
    }
    sums_.resize(at(padded_));
    maxima_.resize(at(blocks));
    sorted_.reserve(at(blocks));
    alive_.reserve(at(blocks));
    active_.reserve(at(inputs_));
    candidates_.reserve(at(units_));
    scores_.reserve(at(units_));
  }
  /// Of a view that may be written to.
  explicit top_k_outputs(const weight_view<S>& weight,
                         std::span<const std::type_identity_t<S>> bias = {})
      : top_k_outputs(weight_view<const S>(weight), bias) {}

  [[nodiscard]] Index units() const noexcept { return units_; }
  [[nodiscard]] Index inputs() const noexcept { return inputs_; }

  /// The k largest outputs, best first.
  /// @param inputs of either sign; zeros cost nothing
  /// @param k at least 1; all units if there are fewer
  /// @param statistics what was done is added there
  /// @throws shape_error (shape_mismatch), argument_error (out_of_range), value_error (not_finite:
  ///         an input, or a sum that overflows)
  [[nodiscard]] std::vector<ranked_item> largest(std::span<const std::type_identity_t<S>> inputs,
                                                 Index k,
                                                 top_k_outputs_statistics* statistics = nullptr) {
    take_inputs(inputs, k);
    top_k_outputs_statistics counts{.products = units_ * static_cast<Index>(active_.size())};
    start();
    for (std::size_t next = 0; next < active_.size(); next += together) {
      const auto group =
          std::span(active_).subspan(next, std::min<std::size_t>(together, active_.size() - next));
      counts.products_computed +=
          static_cast<Index>(alive_.size() * group.size()) * std::min(block, units_);
      add(group);
      double change_to_come = 0;
      for (std::size_t i = next + group.size(); i < active_.size(); ++i)
        change_to_come += active_[i].most - active_[i].least;
      drop_blocks(k, change_to_come);
    }
    return score_candidates(k, counts, statistics);
  }

 private:
  static constexpr Index block = 32;          ///< units that live and die together
  static constexpr std::size_t together = 4;  ///< inputs that are added in one go

  /// An input that is not 0, and between what it adds to any unit.
  struct contribution {
    Index input = 0;
    S value = 0;
    double least = 0, most = 0;
  };

  [[nodiscard]] static std::size_t at(Index i) noexcept { return static_cast<std::size_t>(i); }

  static void check(const weight_view<const S>& weight, std::span<const S> bias) {
    if (weight.empty() || weight.extent(axis::height) * weight.extent(axis::width) != 1)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("top_k_outputs: a weight of ", describe(weight),
                                       ", expected out x in, the weight of a linear layer"));
    if (!bias.empty() && static_cast<Index>(bias.size()) != weight.extent(axis::out))
      throw shape_error(errc::shape_mismatch,
                        detail::concat("top_k_outputs: ", bias.size(), " biases for ",
                                       weight.extent(axis::out), " units"));
    const auto finite = [](S value) { return std::isfinite(value); };
    if (!std::all_of(weight.data, weight.data + weight.size(), finite) ||
        !std::all_of(bias.begin(), bias.end(), finite))
      throw value_error(errc::not_finite,
                        "top_k_outputs: a weight or a bias is NaN or infinite; check the training");
  }

  /// Finds the inputs that are not 0 and sorts them by what they can change.
  void take_inputs(std::span<const S> inputs, Index k) {
    if (static_cast<Index>(inputs.size()) != inputs_)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("top_k_outputs::largest: ", inputs.size(),
                                       " inputs, the layer has ", inputs_));
    if (k < 1)
      throw argument_error(errc::out_of_range, detail::concat("top_k_outputs::largest: the ", k,
                                                              " largest, expected at least 1"));
    active_.clear();
    double magnitude = largest_bias_;
    for (Index i = 0; i < inputs_; ++i) {
      const S value = inputs[at(i)];
      if (value == 0) continue;
      const double low = static_cast<double>(value) * static_cast<double>(smallest_[at(i)]);
      const double high = static_cast<double>(value) * static_cast<double>(largest_[at(i)]);
      active_.push_back({i, value, std::min(low, high), std::max(low, high)});
      magnitude += std::max(std::abs(low), std::abs(high));
    }
    if (!(magnitude < static_cast<double>(std::numeric_limits<S>::max()) / 2))
      throw value_error(
          errc::not_finite,
          "top_k_outputs::largest: an input is NaN or infinite, or the sums overflow");
    rounding_ = 2 * static_cast<double>(active_.size() + 2) *
                static_cast<double>(std::numeric_limits<S>::epsilon()) * magnitude;
    std::sort(active_.begin(), active_.end(), [](const contribution& a, const contribution& b) {
      const double first = a.most - a.least, second = b.most - b.least;
      return first > second || (first == second && a.input < b.input);
    });
  }

  void start() {
    least_ = -std::numeric_limits<S>::infinity();  // of a layer without an active input
    std::copy(bias_.begin(), bias_.end(), sums_.begin());
    alive_.clear();
    for (std::size_t b = 0; b < maxima_.size(); ++b) {
      alive_.push_back(b);
      maxima_[b] = *std::max_element(sums_.data() + b * block, sums_.data() + (b + 1) * block);
    }
  }

  /// Adds up to `together` inputs to the units of the blocks that are alive.
  void add(std::span<const contribution> group) {
    std::array<S, together> value{};  // what is missing adds 0 times something finite
    std::array<const S*, together> column{};
    for (std::size_t g = 0; g < together; ++g) {
      const contribution& c = group[std::min(g, group.size() - 1)];
      column[g] = columns_.data() + c.input * padded_;
      value[g] = g < group.size() ? c.value : S(0);
    }
    for (const std::size_t b : alive_) {
      const auto begin = b * static_cast<std::size_t>(block);
      Eigen::Map<Eigen::Array<S, block, 1>> sums(sums_.data() + begin);
      using weights = Eigen::Map<const Eigen::Array<S, block, 1>>;
      sums += value[0] * weights(column[0] + begin) + value[1] * weights(column[1] + begin) +
              value[2] * weights(column[2] + begin) + value[3] * weights(column[3] + begin);
      maxima_[b] = sums.maxCoeff();
    }
  }

  /// Every unit whose sum is smaller cannot be among the k best, as at least k units have a sum of
  /// `kth`: rounded down.
  [[nodiscard]] S cut(S kth, double change_to_come) const {
    const double exact = static_cast<double>(kth) - change_to_come - 2 * rounding_;
    return std::nextafter(static_cast<S>(exact), -std::numeric_limits<S>::infinity());
  }

  /// Drops the blocks without a unit that can be among the k best.
  void drop_blocks(Index k, double change_to_come) {
    least_ = -std::numeric_limits<S>::infinity();
    if (alive_.size() <= at(k)) return;
    sorted_.clear();
    for (const std::size_t b : alive_) sorted_.push_back(maxima_[b]);
    const auto [lowest, highest] = std::minmax_element(sorted_.begin(), sorted_.end());
    if (*lowest >= cut(*highest, change_to_come)) return;  // as it is before the last inputs
    const auto kth = sorted_.begin() + (k - 1);
    std::nth_element(sorted_.begin(), kth, sorted_.end(), [](S a, S b) { return a > b; });
    least_ = cut(*kth, change_to_come);
    std::erase_if(alive_, [&](std::size_t b) { return maxima_[b] < least_; });
  }

  /// Scores exactly what may be among the k best.
  [[nodiscard]] std::vector<ranked_item> score_candidates(Index k, top_k_outputs_statistics& counts,
                                                          top_k_outputs_statistics* statistics) {
    candidates_.clear();
    for (const std::size_t b : alive_)
      for (Index j = static_cast<Index>(b) * block;
           j < std::min(static_cast<Index>(b + 1) * block, units_); ++j)
        if (sums_[at(j)] >= least_) candidates_.push_back(j);
    if (k < static_cast<Index>(candidates_.size())) {
      const auto kth = candidates_.begin() + (k - 1);
      std::nth_element(candidates_.begin(), kth, candidates_.end(),
                       [&](Index a, Index b) { return sums_[at(a)] > sums_[at(b)]; });
      const S least = cut(sums_[at(*kth)], 0);
      std::erase_if(candidates_, [&](Index j) { return sums_[at(j)] < least; });
    }
    // The inputs in their own order, as a full product adds them; input by input, for the memory's
    // sake.
    std::sort(candidates_.begin(), candidates_.end());
    std::sort(active_.begin(), active_.end(),
              [](const contribution& a, const contribution& b) { return a.input < b.input; });
    scores_.clear();
    for (const Index j : candidates_) scores_.push_back(static_cast<double>(bias_[at(j)]));
    for (const contribution& c : active_) {
      const S* const column = columns_.data() + c.input * padded_;
      for (std::size_t i = 0; i < candidates_.size(); ++i)
        scores_[i] += static_cast<double>(column[candidates_[i]]) * static_cast<double>(c.value);
    }
    top_k best(k);
    for (std::size_t i = 0; i < candidates_.size(); ++i) best.push(candidates_[i], scores_[i]);
    counts.units_scored = static_cast<Index>(candidates_.size());
    counts.products_computed += counts.units_scored * static_cast<Index>(active_.size());
    if (statistics != nullptr) {
      statistics->products += counts.products;
      statistics->products_computed += counts.products_computed;
      statistics->units_scored += counts.units_scored;
    }
    return std::move(best).sorted();
  }

  Index units_, inputs_, padded_ = 0;
  std::vector<S> columns_;             // in x padded
  std::vector<S> bias_;                // padded
  std::vector<S> smallest_, largest_;  // weight of an input
  double largest_bias_ = 0;
  // What a call works on.
  std::vector<contribution> active_;
  double rounding_ = 0;           // by which a sum may be wrong
  std::vector<S> sums_, maxima_;  // of the units, of the blocks
  S least_ = 0;                   // sum so far of a unit that may still be among the best
  std::vector<S> sorted_;
  std::vector<std::size_t> alive_;  // blocks
  std::vector<Index> candidates_;
  std::vector<double> scores_;  // of the candidates
};

template <class S>
top_k_outputs(const weight_view<S>&) -> top_k_outputs<std::remove_const_t<S>>;
template <class S, class Bias>
top_k_outputs(const weight_view<S>&, const Bias&) -> top_k_outputs<std::remove_const_t<S>>;

}  // namespace v0
}  // namespace prunus
