// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/coupling_numbers.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/name_pattern.hpp>
#include <prunus/structure/network_structure.hpp>

#include <algorithm>    // std::any_of, std::max, std::min
#include <cmath>        // std::abs, std::isfinite
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// How the pruning rate runs through the depth of a network, from the first layer to the last.
enum class depth_shape : std::uint8_t {
  uniform,        ///< the same rate everywhere
  increasing,     ///< little at first, most at the end
  decreasing,     ///< most at first, little at the end
  low_high_low,   ///< most in the middle
  high_low_high,  ///< least in the middle
};

/// How a depth_distribution is drawn out.
struct depth_distribution_options {
  double contrast = 2;  ///< highest rate over lowest along a shape, at least 1
  double most = 0.95;   ///< rate that no layer exceeds, in (0, 1)
  std::vector<std::string>
      at_target{};  ///< couplings (patterns with `*`) that keep the target rate
};

namespace detail {

/// The relative rate of the layer at `depth` in [0, 1]: 1 where it is low, `contrast` where high.
[[nodiscard]] inline double relative_rate(depth_shape shape, double depth,
                                          double contrast) noexcept {
  const double from_middle = std::abs(2 * depth - 1);
  const double height = shape == depth_shape::increasing      ? depth
                        : shape == depth_shape::decreasing    ? 1 - depth
                        : shape == depth_shape::low_high_low  ? 1 - from_middle
                        : shape == depth_shape::high_low_high ? from_middle
                                                              : 0;
  return 1 + (contrast - 1) * height;
}

}  // namespace detail

/// Rates that follow a shape over the depth of the network, at the multiply-adds of the same rate
/// everywhere.
///
/// The schedule's target r is the rate of the even distribution: layer l of n loses the share
/// p_l = min(s q_l, most) of its units, q the shape, and s is found by bisection such that the
/// network costs as many MACs as with p_l = r in all of them. So shapes can be compared at equal
/// cost. Counted as a product of shares, output and input side of every weight; whole units,
/// round(p_l n_l) with halves up, then move the MACs by what rounding makes of it.
///
///     prunus::couple(net, network);
///     prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter,
///         prunus::depth_distribution{network, prunus::depth_shape::decreasing}}, 0.5);
///
/// Depth is the order of the couplings in the graph, among those that the pass prunes and that
/// `at_target` does not name. Published lists of rates are a matter for `per_layer`.
///
/// @shape scores: one a unit of each coupling
/// @throws argument_error (out_of_range: target outside [0, 1), a shape with other than one
/// relative
///         rate a layer; unsupported: an entry that is no coupling of the graph;
///         unreachable_target: a shape of zeros), value_error (not_finite); nothing is then written
/// Ties and limits as in `uniform`. Cost: two passes over the scores and 200 counts of the graph.
/// @source C. G. Pachon, J. O. Pinzon-Arenas, D. Ballesteros, "Pruning Policy for Image
/// Classification
///         Problems Based on Deep Learning", Informatics 11(3):67, 2024,
///         doi:10.3390/informatics11030067: a policy is a criterion and one of five distributions
///         of the rates over the depth
/// @deviation the paper's distributions are lists for a few networks, all of nearly equal MACs;
///         that this is their principle, the bisection for any network, the straight lines and
///         their contrast of 2 are our reading
class depth_distribution {
 public:
  /// @throws argument_error (out_of_range: the options)
  template <class = compiled_on_use>
  depth_distribution(network_structure network, depth_shape shape,
                     depth_distribution_options options = {})
      : depth_distribution(std::move(network), std::move(options)) {
    shape_ = shape;  // NOLINT(cppcoreguidelines-prefer-member-initializer): delegates
  }
  /// A shape of one's own: one relative rate for each layer, in the order of depth.
  /// @throws as above; argument_error (out_of_range: a negative or infinite relative rate)
  template <class = compiled_on_use>
  depth_distribution(network_structure network, std::vector<double> relative_rates,
                     depth_distribution_options options = {})
      : depth_distribution(std::move(network), std::move(options)) {
    for (const double q : relative_rates)
      if (!(q >= 0 && std::isfinite(q)))
        throw argument_error(errc::out_of_range,
                             detail::concat("depth_distribution: a relative rate of ", q,
                                            "; it must be finite and not negative"));
    // NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer): delegates
    own_shape_ = std::move(relative_rates);
  }

  /// The share that each of these couplings loses at `target`, in the order of `couplings`.
  /// @throws argument_error (out_of_range, unknown_name, unreachable_target)
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<double> rates(std::span<const std::string_view> couplings,
                                          double target) const {
    detail::check_sparsity("depth_distribution", target);
    std::vector<std::size_t> positions;
    for (const std::string_view name : couplings) {
      const Index k = network_.find_coupling(name);
      if (k < 0)
        throw argument_error(errc::unknown_name, detail::concat("depth_distribution: the graph has "
                                                                "no coupling called ",
                                                                name));
      positions.push_back(static_cast<std::size_t>(k));
    }
    return rates_at(positions, target);
  }

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    detail::check_sparsity("depth_distribution", target);
    const std::vector<double> shares =
        rates_at(detail::coupling_numbers<T>("depth_distribution", network_, units), target);
    std::vector<Index> wanted;
    for (std::size_t i = 0; i < units.size(); ++i)
      wanted.push_back(detail::units_to_remove(units[i].size(), shares[i]));
    detail::remove_within_limits<T>(units, wanted);
  }

 private:
  template <class = compiled_on_use>
  depth_distribution(network_structure network, depth_distribution_options options)
      : network_(std::move(network)), options_(std::move(options)) {
    if (!(options_.contrast >= 1 && std::isfinite(options_.contrast)) ||
        !(options_.most > 0 && options_.most < 1))
      throw argument_error(
          errc::out_of_range,
          detail::concat("depth_distribution: contrast ", options_.contrast, ", most ",
                         options_.most, "; needed are contrast >= 1 and 0 < most < 1"));
  }

  [[nodiscard]] bool stays_at_target(std::size_t k) const {
    return std::any_of(
        options_.at_target.begin(), options_.at_target.end(),
        [&](const std::string& pattern) { return matches(pattern, network_.couplings()[k].name); });
  }

  /// The couplings that the shape runs through, in the order of depth.
  [[nodiscard]] std::vector<std::size_t> shaped(const std::vector<std::size_t>& positions) const {
    std::vector<std::uint8_t> is_shaped(network_.couplings().size(), 0);
    for (const std::size_t k : positions) is_shaped[k] = stays_at_target(k) ? 0 : 1;
    std::vector<std::size_t> depth;
    for (std::size_t k = 0; k < is_shaped.size(); ++k)
      if (is_shaped[k] != 0) depth.push_back(k);
    return depth;
  }
  [[nodiscard]] std::vector<double> shape_of(std::size_t layers) const {
    if (own_shape_.empty()) {
      std::vector<double> relative;
      for (std::size_t l = 0; l < layers; ++l)
        relative.push_back(detail::relative_rate(
            shape_, layers > 1 ? static_cast<double>(l) / static_cast<double>(layers - 1) : 0.5,
            options_.contrast));
      return relative;
    }
    if (own_shape_.size() != layers)
      throw argument_error(
          errc::out_of_range,
          detail::concat("depth_distribution: ", own_shape_.size(), " relative rates for ", layers,
                         " layers; give one for each that the pass prunes"));
    return own_shape_;
  }

  template <class = compiled_on_use>
  [[nodiscard]] std::vector<double> rates_at(const std::vector<std::size_t>& positions,
                                             double target) const {
    const std::vector<std::size_t> depth = shaped(positions);
    const std::vector<double> relative = shape_of(depth.size());
    const double most = std::max(options_.most, target);
    std::vector<double> all(network_.couplings().size(), 0.0);
    for (const std::size_t k : positions) all[k] = target;
    const double budget = network_.macs_at(all);
    const auto macs_with = [&](double scale) {
      for (std::size_t l = 0; l < depth.size(); ++l)
        all[depth[l]] = std::min(scale * relative[l], most);
      return network_.macs_at(all);
    };
    // At `enough` every layer with a rate at all has reached the most: no larger scale helps.
    double too_little = 0, enough = 0;
    for (const double q : relative)
      if (q > 0) enough = std::max(enough, most / q);
    if (target > 0 && !(macs_with(enough) <= budget * (1 + 1e-12)))
      throw argument_error(errc::unreachable_target,
                           detail::concat("depth_distribution: a rate of ", target,
                                          " everywhere costs fewer MACs than this shape can reach; "
                                          "lower the target or raise the relative rates of 0"));
    if (target == 0) enough = 0;
    for (int halving = 0; halving < 200 && too_little < enough; ++halving) {
      const double middle = too_little + (enough - too_little) / 2;
      (macs_with(middle) <= budget ? enough : too_little) = middle;
    }
    (void)macs_with(enough);
    std::vector<double> result;
    result.reserve(positions.size());
    for (const std::size_t k : positions) result.push_back(all[k]);
    return result;
  }

  network_structure network_;
  depth_distribution_options options_;
  depth_shape shape_ = depth_shape::uniform;
  std::vector<double> own_shape_;
};

static_assert(allocation<depth_distribution, float> && allocation<depth_distribution, double>);

}  // namespace v0
}  // namespace prunus
