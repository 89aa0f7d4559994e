// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/detail/pooled_perceptron.hpp>
#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_selection.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill, std::min
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t, std::ssize
#include <cstdint>    // std::uint8_t, std::uint64_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// @source Gao, Zhao, Dudziak, Mullins, Xu 2019, arXiv:1810.05331
/// @deviation `weight_scale`, see `feature_boosting`
struct feature_boosting_options {
  double open_share = 1;    ///< d, of the channels; in (0, 1]
  double weight_scale = 1;  ///< of the initial weights; small ones disturb a trained network less
  std::uint64_t seed = 1;
};

/// Feature boosting and suppression: a linear predictor of how much each channel will matter, of
/// which the largest win and scale their channels.
///
///     s = mean of every |feature plane|;  g = relu(W s + b)
///     y_c = g_c relu(x_c)   for the ceil(d C) largest g, else 0
///
/// x is what the normalisation behind the convolution gives. b begins at 1, W at uniform numbers of
/// variance 2 / channels times `weight_scale`, so that a gate begins near the plain ReLU. With
/// `gate_pressure::lasso` the sum of g is penalised (1e-8 in a public reproduction).
///
/// Parameters, in this order: W (channels x features), b.
///
/// @source Gao, Zhao, Dudziak, Mullins, Xu 2019, "Dynamic Channel Pruning: Feature Boosting and
///         Suppression", arXiv:1810.05331
/// @deviation a normalisation in front keeps its scale, which the paper takes out, so that trained
///            networks can be gated; the scale of the initial weights is ours
template <std::floating_point S>
class feature_boosting {
 public:
  /// @throws argument_error (out_of_range: sizes below 1, an open share outside (0, 1])
  feature_boosting(Index features, Index channels, const feature_boosting_options& options = {})
      : features_(features), channels_(channels) {
    if (features < 1 || channels < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("feature_boosting: ", features, " features and ",
                                          channels, " channels; both must be at least 1"));
    set_open_share(options.open_share);
    values_.resize(static_cast<std::size_t>(channels * (features + 1)));
    gradient_.resize(values_.size());
    detail::he_uniform(values_.data(), channels * features, channels, options.seed);
    for (S& w : values_) w *= static_cast<S>(options.weight_scale);
    std::fill(values_.end() - channels, values_.end(), S(1));
  }

  [[nodiscard]] Index features() const noexcept { return features_; }
  [[nodiscard]] Index channels() const noexcept { return channels_; }
  [[nodiscard]] Index macs() const noexcept { return features_ * channels_; }
  [[nodiscard]] double open_share() const noexcept { return open_share_; }
  /// @throws argument_error (out_of_range) outside (0, 1]
  void set_open_share(double share) {
    if (!(share > 0 && share <= 1))
      throw argument_error(errc::out_of_range,
                           detail::concat("feature_boosting: an open share of ", share,
                                          "; expected above 0 and at most 1"));
    open_share_ = share;
  }
  [[nodiscard]] std::span<S> values() noexcept { return values_; }
  [[nodiscard]] std::span<const S> values() const noexcept { return values_; }
  [[nodiscard]] std::span<S> gradient() noexcept { return gradient_; }

  /// The gate of a smaller layer: of these features and channels only, ascending, with the same
  /// parameters for them and as many winners, if so many are left.
  /// @throws argument_error (out_of_range: none left, or one that is not there)
  [[nodiscard]] feature_boosting compacted(std::span<const Index> features,
                                           std::span<const Index> channels) const {
    detail::check_kept("feature_boosting", features, features_);
    detail::check_kept("feature_boosting", channels, channels_);
    const Index open = channels_of_share(open_share_, channels_);
    feature_boosting result(std::ssize(features), std::ssize(channels));
    result.set_open_share(
        std::min(1.0, static_cast<double>(open) / static_cast<double>(channels.size())));
    S* to = result.values_.data();
    for (const Index c : channels)
      for (const Index i : features) *to++ = values_[static_cast<std::size_t>(c * features_ + i)];
    for (const Index c : channels) *to++ = bias()[c];
    return result;
  }

  [[nodiscard]] Index scratch_size() const noexcept { return 2 * channels_ + features_; }
  /// The gains that `decide` left.
  [[nodiscard]] std::span<const S> gains(std::span<const S> scratch) const noexcept {
    return scratch.first(static_cast<std::size_t>(channels_));
  }

  void decide(const feature_maps<S>& x, std::span<std::uint8_t> open,
              std::span<S> scratch) const noexcept {
    S* const gains = scratch.data();
    S* const means = gains + 2 * channels_;
    detail::pool<true>(x, means);
    detail::affine(values_.data(), bias(), means, features_, channels_, gains);
    for (Index c = 0; c < channels_; ++c) gains[c] = gains[c] < 0 ? S(0) : gains[c];
    const std::size_t count = static_cast<std::size_t>(channels_);
    open_largest(std::span<const S>(gains, count), channels_of_share(open_share_, channels_), open,
                 scratch.subspan(count, count));
  }

  void shape(std::span<const std::uint8_t> open, std::span<const S> scratch, S* values,
             Index plane) const noexcept {
    for (Index c = 0; c < channels_; ++c) {
      if (open[static_cast<std::size_t>(c)] == 0) continue;
      const S gain = scratch[static_cast<std::size_t>(c)];
      S* const y = values + c * plane;
      for (Index p = 0; p < plane; ++p) y[p] = gain * (y[p] < 0 ? S(0) : y[p]);
    }
  }

  /// See `trainable_gate`. Losers get no gradient, as in the paper; `pressure.open` has no use
  /// here, where the number of open channels is given.
  void backward(const feature_maps<S>& x, std::span<const std::uint8_t> open,
                std::span<const S> scratch, const S* before, const S* y_gradient, Index plane,
                const gate_pressure<S>& pressure, S* gradient, S* features_gradient) {
    const S* const gains = scratch.data();
    const S* const means = gains + 2 * channels_;
    work_.assign(static_cast<std::size_t>(channels_ + features_), S(0));
    S* const by_gains = work_.data();
    for (Index c = 0; c < channels_; ++c) {
      const S* const u = before + c * plane;
      const S* const dy = y_gradient + c * plane;
      S* const du = gradient + c * plane;
      const bool is_open = open[static_cast<std::size_t>(c)] != 0;
      const S gain = is_open ? gains[c] : S(0);
      S by_gain = 0;
      for (Index p = 0; p < plane; ++p) {
        by_gain += u[p] > 0 ? dy[p] * u[p] : S(0);
        du[p] = u[p] > 0 ? dy[p] * gain : S(0);
      }
      if (gains[c] > 0) by_gains[c] = (is_open ? by_gain : S(0)) + pressure.lasso;
    }
    detail::affine_backward(values_.data(), means, by_gains, features_, channels_, gradient_.data(),
                            gradient_.data() + channels_ * features_, work_.data() + channels_);
    if (features_gradient != nullptr)
      detail::pool_backward<true>(x, work_.data() + channels_, features_gradient);
  }

 private:
  [[nodiscard]] const S* bias() const noexcept { return values_.data() + channels_ * features_; }

  Index features_, channels_;
  double open_share_ = 1;
  std::vector<S> values_, gradient_, work_;
};

static_assert(trainable_gate<feature_boosting<float>, float> &&
              trainable_gate<feature_boosting<double>, double>);

}  // namespace v0
}  // namespace prunus
