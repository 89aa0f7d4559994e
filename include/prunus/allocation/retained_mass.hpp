// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>

#include <algorithm>  // std::max, std::sort
#include <cmath>      // std::isfinite, std::nextafter
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// What a unit adds to the mass of its layer.
enum class score_mass : std::uint8_t {
  score,   ///< its score
  square,  ///< the square of its score
};

namespace detail {

/// Units of one entry in the order in which they go: those pruned already, then by score, then by
/// index; and the mass of all up to each of them, in double.
struct cumulated_mass {
  std::vector<Index> order;
  std::vector<double> up_to;

  [[nodiscard]] double total() const noexcept { return up_to.empty() ? 0 : up_to.back(); }

  /// @throws value_error (not_finite), argument_error (out_of_range: a negative score)
  template <class T>
  cumulated_mass(const ranking_group<T>& entry, score_mass mass) {
    check_finite(entry);
    const auto gone = [&](Index u) { return entry.keep[static_cast<std::size_t>(u)] == 0; };
    for (Index u = 0; u < entry.size(); ++u) {
      if (!gone(u) && entry.scores[u] < 0)
        throw argument_error(errc::out_of_range,
                             concat("retained_mass: ", entry.name, ": the score of unit ", u,
                                    " is ", entry.scores[u], "; a mass must not be negative"));
      order.push_back(u);
    }
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      if (gone(a) != gone(b)) return gone(a);
      const T x = entry.scores[a], y = entry.scores[b];
      return x != y ? x < y : a < b;
    });
    double sum = 0;
    for (const Index u : order) {
      const double m = gone(u) ? 0 : static_cast<double>(entry.scores[u]);
      sum += mass == score_mass::square ? m * m : m;
      up_to.push_back(sum);
    }
  }

  /// How many units go when at most the share `epsilon` of the mass may; what rounding may have
  /// added to a sum is given back.
  [[nodiscard]] Index removable(double epsilon) const {
    const double most = (epsilon + 1e-12) * total();
    Index count = 0;
    while (count < static_cast<Index>(order.size()) &&
           up_to[static_cast<std::size_t>(count)] <= most)
      ++count;
    return count;
  }
};

}  // namespace detail

/// The fewest units of every layer that hold the share 1 - epsilon of its mass: one epsilon for the
/// network, a threshold of its own for each layer. A layer of equal scores loses little, one with a
/// few large ones much.
///
///     min |S|  subject to  sum over S of m_j >= (1 - epsilon) * sum over all of m_j
///
/// The largest scores solve it. With scores as they are this is the mass of the layer; with
/// `mass = score_mass::square` over `l2_norm`, a relative error of the weights in the Frobenius
/// norm of at most sqrt(epsilon); over a criterion whose score is the squared norm of a filter's
/// own outputs, a relative squared error of the layer's output of at most epsilon.
///
///     prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::retained_mass{.epsilon = 0.1}}
///
/// Epsilon alone says what goes; the schedule's target only has to lie in [0, 1). Each event takes
/// epsilon of what is left. For a target of units or MACs see `by_retained_mass`.
///
/// @shape scores: not negative, one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: epsilon or target outside [0, 1), a negative score),
///         value_error (not_finite: names the parameter); nothing is then written
/// Ties: of equal scores the lower index goes first. Limits come before epsilon; at least one unit
/// stays, also of a layer of zeros. Cost: one sort of the scores of each entry.
/// @source Y. Ding, D. R. Chen, "Optimization based layer-wise pruning threshold", Mathematics
/// 2023;
///         the form with squares at epsilon = 0.001: Y. Ye et al., "Optimal Thresholding",
///         arXiv:2003.04566
/// @deviation the abstract of Ding and Chen says: a constrained programme for the size of each
/// layer
///         gives its threshold. The constraint, its solution and the default of epsilon are our
///         reading. Ye et al. keep all of several scores equal to the last one removed.
struct retained_mass {
  double epsilon = 0.1;  ///< share of the mass that may go, in [0, 1)
  score_mass mass = score_mass::score;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    detail::check_sparsity("retained_mass", target);
    check();
    std::vector<Index> wanted;
    for (const ranking_group<T>& entry : units)
      wanted.push_back(detail::cumulated_mass(entry, mass).removable(epsilon));
    detail::remove_within_limits<T>(units, wanted);
  }

  /// What stands between the scores that go and those that stay: the mean of the largest that goes
  /// and the smallest that stays; 0 when none goes.
  template <class T>
  [[nodiscard]] double threshold(std::span<const T> scores) const {
    check();
    std::vector<std::uint8_t> keep(scores.size(), 1);
    const ranking_group<T> entry{
        "threshold", {scores.data(), static_cast<Index>(scores.size()), false, "threshold"}, keep};
    const detail::cumulated_mass cumulated(entry, mass);
    const Index removed = detail::within_limits({}, entry.size(), 0, cumulated.removable(epsilon));
    if (removed == 0) return 0;
    const auto score_at = [&](Index rank) {
      return static_cast<double>(entry.scores[cumulated.order[static_cast<std::size_t>(rank)]]);
    };
    return (score_at(removed - 1) + score_at(removed)) / 2;
  }

 private:
  void check() const {
    if (!(epsilon >= 0 && epsilon < 1))
      throw argument_error(errc::out_of_range,
                           detail::concat("retained_mass: epsilon is ", epsilon,
                                          "; the share that may go must lie in [0, 1)"));
  }
};

/// `retained_mass` with the epsilon that just reaches the target of another allocation: a share of
/// the units with `global`, of the MACs with `macs_target`.
///
///     prunus::by_retained_mass{prunus::macs_target{graph, {.scaling =
///     prunus::score_scaling::none}}}
///
/// A unit goes as soon as epsilon exceeds the mass of its layer up to and with it. So that share of
/// the mass is a score that all layers have in common, and no bisection is needed.
///
/// @shape scores: not negative, one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: a negative score) and what `allocation` throws
/// Ties and limits as in `allocation`, to which the shares of the mass are passed on; it must rank
/// them as they are (no scaling).
/// @source as `retained_mass`
/// @deviation the common epsilon for a target is our reading; with `macs_target` the last units may
/// be cheaper ones of another layer that come closer to the target
template <class Allocation = global>
struct by_retained_mass {
  Allocation allocation{};
  score_mass mass = score_mass::score;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    detail::check_sparsity("by_retained_mass", target);
    std::vector<std::vector<T>> shares(units.size());
    std::vector<ranking_group<T>> ranked(units.begin(), units.end());
    for (std::size_t i = 0; i < units.size(); ++i) {
      const detail::cumulated_mass cumulated(units[i], mass);
      const double scale = cumulated.total() > 0 ? 1 / cumulated.total() : 1;
      shares[i].resize(static_cast<std::size_t>(units[i].size()));
      T last = std::numeric_limits<T>::lowest();
      for (std::size_t k = 0; k < shares[i].size(); ++k) {
        const auto unit = static_cast<std::size_t>(cumulated.order[k]);
        if (units[i].keep[unit] != 0)  // shares that round to the same number keep their order
          last = std::max(static_cast<T>(cumulated.up_to[k] * scale),
                          std::nextafter(last, std::numeric_limits<T>::infinity()));
        shares[i][unit] = last;
      }
      ranked[i].scores = {shares[i].data(), units[i].size(), false, units[i].scores.name};
    }
    allocation.allocate(std::span<ranking_group<T>>(ranked), target);
    for (std::size_t i = 0; i < units.size(); ++i) units[i].asked = ranked[i].asked;
  }

  template <class T>
    requires detail::measuring_allocation<Allocation, T>
  [[nodiscard]] achieved_share achieved(std::span<const ranking_group<T>> units) const {
    return allocation.achieved(units);
  }
};
template <class Allocation>
by_retained_mass(Allocation) -> by_retained_mass<Allocation>;
template <class Allocation>
by_retained_mass(Allocation, score_mass) -> by_retained_mass<Allocation>;

static_assert(allocation<retained_mass, float> && allocation<retained_mass, double>);
static_assert(allocation<by_retained_mass<>, float> && allocation<by_retained_mass<>, double>);

}  // namespace v0
}  // namespace prunus
