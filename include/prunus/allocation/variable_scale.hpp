// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/removal_bounds.hpp>
#include <prunus/allocation/detail/shared_out.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/name_pattern.hpp>
#include <prunus/core/pool_ref.hpp>

#include <algorithm>    // std::any_of, std::clamp, std::max, std::min
#include <cmath>        // std::isfinite, std::pow
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What decides about the share that a parameter loses.
enum class scale_driver : std::uint8_t {
  magnitude,  ///< the mean score of the parameter: the larger, the less it loses
  location    ///< its place in the stack: a straight ramp from the first to the last one
};

/// A sparsity of its own for every parameter, by how large its scores are or where it stands, at
/// one sparsity of all together.
///
/// Of n_l units and target R, parameter l loses r_l n_l, where the sum of all is round(R sum n_l):
/// - magnitude: r_l = clamp(lambda m_l^-gamma, smallest_rate, largest_rate), with m_l the mean
///   score of the units that live; a mean of zero or below counts as a very small one;
/// - location: r_l = R + spread / 2 for one end of the stack, R - spread / 2 for the other, evenly
///   in between, shifted where sizes differ and clamped alike. The first parameters lose most where
///   the mean scores grow along the stack (correlation >= 0), else the last ones.
/// Parts of units are rounded by largest remainder, of equal ones the earlier parameter gets more.
/// Where the two bounds leave no room for the target they give way. `gamma = 0` and `spread = 0`
/// are `uniform`, but for the rounding.
///
///     prunus::pass{prunus::l1_norm{}, prunus::element, prunus::variable_scale{}, prunus::hard{},
///                  prunus::parameter_selection{.include = {"*.expand.weight",
///                  "*.contract.weight"}}}
///
/// @shape scores: one a unit of each parameter, parameters in the order of depth
/// @throws argument_error (out_of_range: sparsity outside [0, 1), gamma below 0, bounds or spread
/// outside [0, 1], smallest_rate > largest_rate; unreachable_target: the limits keep too many;
/// unknown_name: a stack that no parameter is in), value_error (not_finite: names the parameter);
/// nothing is then written
/// Ties and limits as in `global`: what one parameter may not give, others do; units that are gone
/// count. Cost: three passes over the scores.
/// @source variable scale pruning, L. Ben Letaifa, J.-L. Rouas 2023, doi:10.3390/a16090398: rates
/// of feed-forward layers from their significance and their location
/// @deviation both formulas of the rates, all defaults, the exact total and the limits are our
/// reading; the two matrices of a feed-forward network are two places of the stack
struct variable_scale {
  scale_driver by = scale_driver::magnitude;
  double gamma = 1;  ///< of magnitude: how strongly the mean decides
  double smallest_rate = 0;
  double largest_rate = 0.95;
  double spread = 0.4;                ///< of location: between the two ends
  std::vector<std::string> stacks{};  ///< of location: patterns of names ("encoder.*"), each with a
                                      ///< ramp of its own; what fits none makes the last stack

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity, pool_ref pool = {}) const {
    detail::check_sparsity("variable_scale", sparsity);
    check();
    check_stacks<T>(units);
    const detail::removal_bounds removal{std::span<const ranking_group<T>>(units)};
    std::vector<share> shares;
    for (std::size_t i = 0; i < units.size(); ++i)
      shares.push_back({units[i].name, static_cast<double>(units[i].size()), removal.least[i],
                        removal.most[i], mean_of(units[i])});
    const Index wanted =
        removal.reachable("variable_scale", detail::units_to_remove(removal.units, sparsity));
    by == scale_driver::magnitude ? set_rates_by_magnitude(shares)
                                  : set_rates_by_location(shares, sparsity);
    detail::remove_within_limits<T>(units, distribute(shares, wanted), pool);
  }

  /// @throws argument_error (out_of_range)
  void check() const {
    const auto is_share = [](double x) { return x >= 0 && x <= 1; };
    if (!(gamma >= 0 && std::isfinite(gamma)) || !is_share(smallest_rate) ||
        !is_share(largest_rate) || smallest_rate > largest_rate || !is_share(spread))
      throw argument_error(
          errc::out_of_range,
          detail::concat("variable_scale: gamma ", gamma, ", rates from ", smallest_rate, " to ",
                         largest_rate, ", spread ", spread,
                         "; gamma must not be negative, the others ascend within [0, 1]"));
  }

 private:
  /// What is known of one parameter when the target is shared out.
  struct share {
    std::string_view name;
    double units;
    Index pruned, most;  ///< units that go at least and at most
    double mean;         ///< score of the units that live
    double rate = 0;     ///< wanted, up to what is common to all: a factor or a summand
  };

  /// Numbers that are not finite are refused later, by name; here they must do no harm.
  template <class T>
  [[nodiscard]] static double mean_of(const ranking_group<T>& entry) {
    double sum = 0;
    Index live = 0;
    for (Index u = 0; u < entry.size(); ++u)
      if (entry.keep[static_cast<std::size_t>(u)] != 0) {
        sum += static_cast<double>(entry.scores[u]);
        ++live;
      }
    const double mean = live > 0 ? sum / static_cast<double>(live) : 0;
    return std::isfinite(mean) ? mean : 0;
  }

  template <class T>
  void check_stacks(std::span<const ranking_group<T>> units) const {
    for (const std::string& stack : stacks) {
      const bool used = std::any_of(units.begin(), units.end(), [&](const ranking_group<T>& u) {
        return matches(stack, u.name);
      });
      if (!used)
        throw argument_error(
            errc::unknown_name,
            detail::concat("variable_scale: the stack \"", stack, "\" fits none of the ",
                           units.size(), " parameters that this pass prunes"));
    }
  }

  void set_rates_by_magnitude(std::vector<share>& shares) const {
    double largest = 0;
    for (const share& s : shares) largest = std::max(largest, s.mean);
    constexpr double least = 1e-6;  // of the largest mean: a layer of zeros still has a rate
    for (share& s : shares)
      s.rate =
          largest > 0 ? std::min(std::pow(std::max(s.mean / largest, least), -gamma), 1e12) : 1;
  }

  template <class = compiled_on_use>
  void set_rates_by_location(std::vector<share>& shares, double sparsity) const {
    for (std::size_t k = 0; k <= stacks.size(); ++k) {
      std::vector<share*> stack;
      for (share& s : shares)
        if (stack_of(s.name) == k) stack.push_back(&s);
      const double last = static_cast<double>(stack.size()) - 1;
      double covariance = 0;  // of place and mean score, up to a factor
      for (std::size_t l = 0; l < stack.size(); ++l)
        covariance += (static_cast<double>(l) - last / 2) * stack[l]->mean;
      const double slope = covariance >= 0 ? -spread : spread;
      for (std::size_t l = 0; l < stack.size(); ++l)
        stack[l]->rate = sparsity + (last > 0 ? slope * (static_cast<double>(l) / last - 0.5) : 0);
    }
  }
  [[nodiscard]] std::size_t stack_of(std::string_view name) const {
    std::size_t k = 0;
    while (k < stacks.size() && !matches(stacks[k], name)) ++k;
    return k;
  }

  /// Units that one parameter would lose if `common` is what all have in common.
  [[nodiscard]] double units_at(const share& s, double common) const {
    return (by == scale_driver::magnitude ? common * s.rate : common + s.rate) * s.units;
  }

  /// Whole numbers between the bounds that add up to `wanted`.
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<Index> distribute(const std::vector<share>& shares,
                                              Index wanted) const {
    std::vector<detail::share_bounds> bounds;
    double lows = 0, highs = 0;
    const double target = static_cast<double>(wanted);
    for (const share& s : shares) {
      const double gone = static_cast<double>(s.pruned), most = static_cast<double>(s.most);
      bounds.push_back({std::clamp(smallest_rate * s.units, gone, most),
                        std::clamp(largest_rate * s.units, gone, most), s.most});
      lows += bounds.back().least;
      highs += bounds.back().most;
    }
    for (std::size_t i = 0; i < shares.size(); ++i) {  // the bounds of the rates give way
      detail::share_bounds& b = bounds[i];
      if (target < lows) b.most = b.least, b.least = static_cast<double>(shares[i].pruned);
      if (target > highs) b.least = b.most, b.most = static_cast<double>(shares[i].most);
    }
    // Rates and their differences lie in [-1, 1], factors below that.
    return detail::shared_out(bounds, wanted, -2, 2, [&](std::size_t i, double common) {
      return units_at(shares[i], common);
    });
  }
};

static_assert(allocation<variable_scale, float> && allocation<variable_scale, double>);

}  // namespace v0
}  // namespace prunus
