// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/measure/detail/number_text.hpp>
#include <prunus/measure/measurement.hpp>

#include <cmath>     // std::abs, std::isfinite
#include <cstddef>   // std::size_t
#include <optional>  // std::optional
#include <string>    // std::string

namespace prunus {
inline namespace v0 {

enum class decision {
  keep_dense,  ///< pruning does not pay
  use_pruned,  ///< the pruned network is faster by enough to show
  undecided,   ///< no latency was measured on both sides
};

/// When pruning counts as paying.
struct verdict_options {
  double pays_below = 0.95;  ///< ratio of the latencies, pruned to dense, > 0
  double noise = 0;          ///< how far that ratio may be off (latency_comparison::noise), >= 0
  double accuracy_loss_allowed = 0.01;  ///< fraction of all answers, in [0, 1]; 1 allows any loss
};

struct verdict {
  prunus::decision decision = decision::undecided;
  std::string reason = {};  ///< the decision and why, as one line
};

namespace detail {

template <class = compiled_on_use>
void check_verdict_options(const verdict_options& options) {
  const auto fail = [](const char* what, double came) {
    throw argument_error(errc::out_of_range, concat("verdict_options: ", what, ", got ", came));
  };
  const auto& [pays_below, noise, accuracy_loss_allowed] = options;
  if (!(std::isfinite(pays_below) && pays_below > 0)) {
    fail("pays_below must be a positive ratio", pays_below);
  }
  if (!(std::isfinite(noise) && noise >= 0)) fail("noise must be 0 or more", noise);
  if (!(accuracy_loss_allowed >= 0 && accuracy_loss_allowed <= 1)) {
    fail("accuracy_loss_allowed must be a fraction in [0, 1]", accuracy_loss_allowed);
  }
}

/// The least favourable ratio over the numbers of threads that both sides were measured with.
struct worst_latency {
  double ratio = 0;
  int threads = 0;
  std::size_t compared = 0;
};

[[nodiscard]] inline worst_latency worst_of(const measurement& dense, const measurement& pruned) {
  worst_latency worst;
  for (const thread_latency& before : dense.latencies) {
    const std::optional<double> after = pruned.seconds(before.threads);
    if (!after) continue;
    ++worst.compared;
    const double ratio = *after / before.seconds;
    if (ratio > worst.ratio) worst = {ratio, before.threads, worst.compared};
  }
  return worst;
}

[[nodiscard]] inline std::string text_of(const worst_latency& worst) {
  std::string text = trimmed_text(worst.ratio, 3) + " x the time";
  text += concat(" with ", worst.threads, worst.threads == 1 ? " thread" : " threads");
  if (worst.compared > 1) text += " (the worst case)";
  return text;
}

/// ", accuracy -0.29 points", or that it was not measured.
[[nodiscard]] inline std::string accuracy_text(std::optional<double> gain) {
  if (!gain) return ", accuracy not measured";
  return concat(", accuracy ", *gain < 0 ? "" : "+", fixed_text(100 * *gain, 2), " points");
}

}  // namespace detail

/// Says whether the pruned network is worth having: faster by the clock, since fewer operations
/// that take as long gain nothing, and about as accurate, where both accuracies were measured.
///
/// Pruning has to pay with every number of threads that both were measured with. It does not pay
/// where the ratio of the latencies lies within the noise of 1 or above `pays_below`, nor where it
/// costs more accuracy than allowed, one point unless you say otherwise. Without a latency on both
/// sides the verdict is `undecided`.
///
/// @throws argument_error out_of_range, duplicate_name: a number outside its range, or a latency
///         given twice
template <class = compiled_on_use>
[[nodiscard]] verdict judge(const measurement& dense, const measurement& pruned,
                            const verdict_options& options = {}) {
  detail::check_measurement(dense, "dense");
  detail::check_measurement(pruned, "pruned");
  detail::check_verdict_options(options);
  const detail::worst_latency worst = detail::worst_of(dense, pruned);
  if (worst.compared == 0) {
    return {decision::undecided,
            "undecided: no latency was measured on both sides, and fewer operations need not "
            "take less time"};
  }
  if (std::abs(1 - worst.ratio) <= options.noise) {
    return {decision::keep_dense,
            detail::concat("keep dense: ", detail::text_of(worst), ", within the noise of ",
                           detail::trimmed_text(100 * options.noise, 1), " %")};
  }
  if (worst.ratio > options.pays_below) {
    return {decision::keep_dense,
            detail::concat("keep dense: ", detail::text_of(worst), ", it pays from ",
                           detail::trimmed_text(options.pays_below, 3), " x down")};
  }
  std::optional<double> gain;
  if (dense.accuracy && pruned.accuracy) gain = *pruned.accuracy - *dense.accuracy;
  if (gain && -*gain > options.accuracy_loss_allowed + 1e-9) {  // 0.98 - 0.97 is one point
    return {decision::keep_dense,
            detail::concat("keep dense: ", detail::text_of(worst), ", but accuracy falls by ",
                           detail::fixed_text(-100 * *gain, 2), " points; at most ",
                           detail::trimmed_text(100 * options.accuracy_loss_allowed, 2),
                           " may be lost")};
  }
  return {decision::use_pruned,
          detail::concat("use pruned: ", detail::text_of(worst), detail::accuracy_text(gain))};
}

}  // namespace v0
}  // namespace prunus
