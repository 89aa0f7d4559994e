// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min, std::sort
#include <cmath>      // std::isfinite
#include <concepts>   // std::convertible_to
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// A criterion in a policy search, with how often it is to be tried: more than once where chance
/// has a say.
struct policy_criterion {
  std::string name;
  Index repeats = 1;  ///< at least 1; each with a seed of its own
};

/// One policy to try: positions in the lists that were handed to policy_search.
struct policy_trial {
  Index criterion = 0;
  Index distribution = 0;
  Index repeat = 0;
};

/// What a policy came to, measured on data that chooses (a validation split, not the test split).
struct policy_outcome {
  double quality = 0;     ///< accuracy, F1, ...: higher is better
  double parameters = 0;  ///< of the pruned network
};

/// Location and spread of the qualities of one criterion over the distributions, or the other way.
struct policy_effect {
  double mean = 0;
  double median = 0;
  double lowest = 0;
  double highest = 0;

  [[nodiscard]] double spread() const noexcept { return highest - lowest; }
};

/// A grid of criteria x distributions, and what can be read from it.
struct policy_report {
  std::vector<std::string> criteria;       ///< rows
  std::vector<std::string> distributions;  ///< columns
  std::vector<policy_outcome> outcomes;    ///< row by row, each the mean of its repeats

  /// @pre both in range
  [[nodiscard]] const policy_outcome& at(Index criterion, Index distribution) const noexcept {
    return outcomes[static_cast<std::size_t>(criterion * static_cast<Index>(distributions.size()) +
                                             distribution)];
  }
  /// What a criterion gives, whichever distribution it is used with.
  [[nodiscard]] policy_effect criterion_effect(Index criterion) const {
    std::vector<double> qualities;
    for (std::size_t d = 0; d < distributions.size(); ++d)
      qualities.push_back(at(criterion, static_cast<Index>(d)).quality);
    return effect_of(qualities);
  }
  /// What a distribution gives, whichever criterion it is used with.
  [[nodiscard]] policy_effect distribution_effect(Index distribution) const {
    std::vector<double> qualities;
    for (std::size_t c = 0; c < criteria.size(); ++c)
      qualities.push_back(at(static_cast<Index>(c), distribution).quality);
    return effect_of(qualities);
  }
  /// The policy of highest quality; of equal ones that with fewer parameters, then the earlier.
  [[nodiscard]] policy_trial best() const noexcept {
    policy_trial best;
    for (Index c = 0; c < static_cast<Index>(criteria.size()); ++c)
      for (Index d = 0; d < static_cast<Index>(distributions.size()); ++d) {
        const policy_outcome &now = at(c, d), &so_far = at(best.criterion, best.distribution);
        if (now.quality > so_far.quality ||
            (now.quality == so_far.quality && now.parameters < so_far.parameters))
          best = {c, d, 0};
      }
    return best;
  }
  /// How much the choice of the policy matters: highest quality less lowest.
  [[nodiscard]] double spread() const noexcept {
    double lowest = outcomes.front().quality, highest = lowest;
    for (const policy_outcome& o : outcomes) {
      lowest = std::min(lowest, o.quality);
      highest = std::max(highest, o.quality);
    }
    return highest - lowest;
  }

 private:
  template <class Number = double>
  [[nodiscard]] static policy_effect effect_of(std::vector<Number> qualities) {
    const std::size_t n = qualities.size();
    double mean = 0;
    for (const double s : qualities) mean += s / static_cast<double>(n);
    std::sort(qualities.begin(), qualities.end());
    return {mean, (qualities[(n - 1) / 2] + qualities[n / 2]) / 2, qualities.front(),
            qualities.back()};
  }
};

/// The grid as CSV: criterion, distribution, quality, parameters.
template <class = compiled_on_use>
[[nodiscard]] std::string to_csv(const policy_report& report) {
  std::string text = "criterion,distribution,quality,parameters\n";
  for (std::size_t c = 0; c < report.criteria.size(); ++c)
    for (std::size_t d = 0; d < report.distributions.size(); ++d) {
      const policy_outcome& o = report.at(static_cast<Index>(c), static_cast<Index>(d));
      text += detail::concat(report.criteria[c], ",", report.distributions[d], ",", o.quality, ",",
                             o.parameters, "\n");
    }
  return text;
}

/// Tries every criterion with every distribution of the rates over the depth, at one pruning rate.
///
///     const prunus::policy_report report = prunus::policy_search(
///         criteria, distributions, [&](const prunus::policy_trial& trial) {
///           auto net = copy_of(trained);
///           prune(net, trial);
///           fine_tune(net, seeds[trial.repeat]);
///           return prunus::policy_outcome{accuracy(net, validation), parameters(net)};
///         });
///
/// The callback prunes a fresh copy of the trained network, fine-tunes it, and measures it;
/// policies are tried in the order of the lists, repeats innermost.
///
/// @throws argument_error (out_of_range: an empty list, repeats below 1), value_error (not_finite:
///         names the policy), and what the callback throws
/// Cost: one call of the callback a policy and repeat.
/// @source C. G. Pachon, J. O. Pinzon-Arenas, D. Ballesteros, "Pruning Policy for Image
///         Classification Problems Based on Deep Learning", Informatics 11(3):67, 2024,
///         doi:10.3390/informatics11030067: effect of the method, effect of the distribution, best
///         policy
/// @deviation mean, median and spread as the effects, and fewer parameters among equal qualities
/// are
///         our reading; the authors selected on the test split, we ask for another one
template <class Run>
  requires requires(const Run& run, const policy_trial& trial) {
    { run(trial) } -> std::convertible_to<policy_outcome>;
  }
[[nodiscard]] policy_report policy_search(std::span<const policy_criterion> criteria,
                                          std::span<const std::string> distributions,
                                          const Run& run) {
  if (criteria.empty() || distributions.empty())
    throw argument_error(
        errc::out_of_range,
        detail::concat("policy_search: ", criteria.size(), " criteria and ", distributions.size(),
                       " distributions; it needs at least 1 of each"));
  policy_report report;
  for (const std::string& d : distributions) report.distributions.push_back(d);
  for (const policy_criterion& c : criteria) {
    if (c.repeats < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("policy_search: ", c.name, " is to be tried ", c.repeats,
                                          " times; it must be at least once"));
    report.criteria.push_back(c.name);
  }
  for (std::size_t c = 0; c < criteria.size(); ++c)
    for (std::size_t d = 0; d < distributions.size(); ++d) {
      policy_outcome mean;
      for (Index r = 0; r < criteria[c].repeats; ++r) {
        const policy_outcome now =
            run(policy_trial{static_cast<Index>(c), static_cast<Index>(d), r});
        if (!std::isfinite(now.quality) || !std::isfinite(now.parameters))
          throw value_error(
              errc::not_finite,
              detail::concat("policy_search: ", criteria[c].name, " with ", distributions[d],
                             " came to a quality of ", now.quality, " with ", now.parameters,
                             " parameters; both must be finite"));
        mean.quality += now.quality;
        mean.parameters += now.parameters;
      }
      const double repeats = static_cast<double>(criteria[c].repeats);
      report.outcomes.push_back({mean.quality / repeats, mean.parameters / repeats});
    }
  return report;
}

}  // namespace v0
}  // namespace prunus
