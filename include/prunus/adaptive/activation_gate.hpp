// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/detail/pooled_perceptron.hpp>
#include <prunus/adaptive/dynamic_relu.hpp>
#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_selection.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill, std::max, std::min
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t, std::ssize
#include <cstdint>    // std::uint8_t, std::uint64_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// What a channel's score is.
///
/// @source our reading of Liu, Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
/// @deviation see `activation_gate`
enum class gate_score : std::uint8_t {
  energy,  ///< the size of the channel's coefficients
  head     ///< an output of its own of the network that makes the coefficients
};

/// Which channels a score opens.
///
/// @source our reading of Liu, Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
/// @deviation see `activation_gate`
enum class gate_rule : std::uint8_t {
  threshold,  ///< those above a threshold: as many as the sample asks for
  largest     ///< the largest ones: as many in every sample
};

/// @source sizes and ranges: Chen, Dai, Liu, Chen, Yuan, Liu 2020, arXiv:2003.10027
/// @deviation thresholds and temperatures are our reading; see `activation_gate`
struct activation_gate_options {
  dynamic_relu function = {};
  coefficient_scheme scheme = coefficient_scheme::per_channel;
  gate_score score = gate_score::energy;
  gate_rule rule = gate_rule::threshold;
  Index reduction = 4;            ///< features over hidden units
  double energy_threshold = 0.5;  ///< of the energy; a head opens above 0
  double open_share = 1;          ///< of the channels, for gate_rule::largest; in (0, 1]
  double energy_temperature =
      0.1;  ///< of the straight-through slope; 1 is calmer for gate_rule::largest
  double head_temperature = 1;
  std::uint64_t seed = 1;  ///< of the first layer's weights
};

/// Activation gates: a dynamic ReLU whose coefficients also say whether a channel is worth
/// computing.
///
///     z = mean of every feature plane;  theta = 2 sigmoid(W2 relu(W1 z + b1) + b2) - 1
///     a, b of every channel from theta, see `dynamic_relu`
///     score_c = sqrt(sum of a_ck^2 + b_ck^2), or a further output of the same network
///     y_c = max over k of a_ck x_c + b_ck   where the score opens c, else 0
///
/// A new gate is a plain ReLU with every channel open: W2 and b2 begin at 0, the head's bias at 2.
/// A size of the coefficients near 0 lies at the far end of theta, which is why the threshold is
/// above 0. The scheme `shared` says nothing of single channels and needs `gate_score::head`.
///
/// Gradients pass the step of the decision straight through (see `straight_through_slope`). For a
/// channel that is closed the derivative by the decision is that of opening it, so that it can come
/// back.
///
/// Parameters, in this order: W1 (hidden x features), b1, W2 (outputs x hidden), b2; outputs are
/// the thetas, channel after channel, then the head.
///
/// @source structure, "decision gate embedded in a dynamic ReLU": Liu, Yang, Gao, Cheng 2022,
///         "Dynamic channel pruning via activation gates", Applied Intelligence 52:16818-16831; the
///         dynamic ReLU: Chen et al. 2020, arXiv:2003.10027
/// @deviation our reading: the energy and the head as scores, both rules, thresholds, temperatures,
///            the straight-through slope and where the gates look; the paper's equations of the
///            gate were not at hand
template <std::floating_point S>
class activation_gate {
 public:
  /// `features` are the channels that the gate looks at, `channels` those it opens and closes.
  /// @throws argument_error (out_of_range: sizes below 1, an open share outside (0, 1],
  ///         temperatures or ranges not above 0; unsupported: energies of shared coefficients)
  activation_gate(Index features, Index channels, const activation_gate_options& options = {})
      : features_(features), channels_(channels), options_(options) {
    check();
    hidden_ = std::max<Index>(features / options.reduction, 1);
    values_.resize(static_cast<std::size_t>(hidden_ * (features_ + 1) + outputs() * (hidden_ + 1)));
    gradient_.resize(values_.size());
    detail::he_uniform(values_.data(), hidden_ * features_, features_, options.seed);
    if (options_.score == gate_score::head)
      std::fill(values_.end() - channels_, values_.end(), S(2));
  }

  [[nodiscard]] Index features() const noexcept { return features_; }
  [[nodiscard]] Index channels() const noexcept { return channels_; }
  [[nodiscard]] Index hidden() const noexcept { return hidden_; }
  [[nodiscard]] Index macs() const noexcept { return hidden_ * (features_ + outputs()); }
  [[nodiscard]] const activation_gate_options& options() const noexcept { return options_; }
  /// @throws argument_error (out_of_range) outside (0, 1]
  void set_open_share(double share) {
    check_share(share);
    options_.open_share = share;
  }
  [[nodiscard]] std::span<S> values() noexcept { return values_; }
  [[nodiscard]] std::span<const S> values() const noexcept { return values_; }
  [[nodiscard]] std::span<S> gradient() noexcept { return gradient_; }

  /// The gate of a smaller layer: of these features and channels only, ascending, with the same
  /// parameters for them. Where a share decides, as many stay open as before, if so many are left.
  /// @throws argument_error (out_of_range: none left, or one that is not there)
  [[nodiscard]] activation_gate compacted(std::span<const Index> features,
                                          std::span<const Index> channels) const {
    detail::check_kept("activation_gate", features, features_);
    detail::check_kept("activation_gate", channels, channels_);
    const Index open = channels_of_share(options_.open_share, channels_);
    activation_gate_options smaller = options_;
    smaller.open_share =
        std::min(1.0, static_cast<double>(open) / static_cast<double>(channels.size()));
    activation_gate result(std::ssize(features), std::ssize(channels), smaller);
    result.hidden_ = hidden_;
    result.values_.clear();
    for (Index h = 0; h < hidden_; ++h)
      for (const Index i : features) result.values_.push_back(first_weights()[h * features_ + i]);
    result.values_.insert(result.values_.end(), first_bias(), first_bias() + hidden_);
    std::vector<Index> kept;  // of the outputs
    const Index of_channel = is_shared() ? 0 : options_.function.size();
    for (Index i = 0; is_shared() && i < coefficients(); ++i) kept.push_back(i);
    for (const Index c : channels)
      for (Index i = 0; i < of_channel; ++i) kept.push_back(c * of_channel + i);
    if (options_.score == gate_score::head)
      for (const Index c : channels) kept.push_back(coefficients() + c);
    for (const Index o : kept)
      for (Index h = 0; h < hidden_; ++h)
        result.values_.push_back(second_weights()[o * hidden_ + h]);
    for (const Index o : kept) result.values_.push_back(second_bias()[o]);
    result.gradient_.assign(result.values_.size(), S(0));
    return result;
  }

  /// Coefficients, scores and what training needs of one sample.
  [[nodiscard]] Index scratch_size() const noexcept {
    return coefficients() + 3 * channels_ + 1 + features_ + hidden_ + outputs();
  }
  /// The coefficients that `decide` left, of channel c or of all.
  [[nodiscard]] const S* coefficients_of(std::span<const S> scratch, Index c) const noexcept {
    return scratch.data() + (is_shared() ? 0 : c * options_.function.size());
  }
  [[nodiscard]] std::span<const S> scores(std::span<const S> scratch) const noexcept {
    return scratch.subspan(static_cast<std::size_t>(coefficients()),
                           static_cast<std::size_t>(channels_));
  }

  void decide(const feature_maps<S>& x, std::span<std::uint8_t> open,
              std::span<S> scratch) const noexcept {
    const parts<S> at(*this, scratch.data());
    detail::pool<false>(x, at.means);
    detail::affine(first_weights(), first_bias(), at.means, features_, hidden_, at.hidden);
    for (Index h = 0; h < hidden_; ++h) at.hidden[h] = std::max(at.hidden[h], S(0));
    detail::affine(second_weights(), second_bias(), at.hidden, hidden_, outputs(), at.outputs);
    const dynamic_relu& f = options_.function;
    for (Index i = 0; i < coefficients(); ++i)
      at.coefficients[i] = f.coefficient(i % f.size(), dynamic_relu::theta(at.outputs[i]));
    for (Index c = 0; c < channels_; ++c)
      at.scores[c] = options_.score == gate_score::head ? at.outputs[coefficients() + c]
                                                        : f.energy(coefficients_of(scratch, c));
    const std::span<const S> scores(at.scores, static_cast<std::size_t>(channels_));
    if (options_.rule == gate_rule::threshold) {
      *at.threshold =
          options_.score == gate_score::head ? S(0) : static_cast<S>(options_.energy_threshold);
      open_above(scores, *at.threshold, open);
    } else {
      *at.threshold = open_largest(scores, channels_of_share(options_.open_share, channels_), open,
                                   std::span<S>(at.selection, scores.size()));
    }
  }

  void shape(std::span<const std::uint8_t> open, std::span<const S> scratch, S* values,
             Index plane) const noexcept {
    for (Index c = 0; c < channels_; ++c)
      if (open[static_cast<std::size_t>(c)] != 0)
        options_.function.apply(coefficients_of(scratch, c), values + c * plane, plane);
  }

  /// See `trainable_gate`. `pressure.lasso` pulls at the energies of all channels, open or not.
  void backward(const feature_maps<S>& x, std::span<const std::uint8_t> open,
                std::span<const S> scratch, const S* before, const S* y_gradient, Index plane,
                const gate_pressure<S>& pressure, S* gradient, S* features_gradient) {
    const parts<const S> at(*this, scratch.data());
    work_.assign(static_cast<std::size_t>(outputs() + hidden_ + features_), S(0));
    S* const by_outputs = work_.data();
    S* const by_hidden = by_outputs + outputs();
    S* const by_means = by_hidden + hidden_;
    for (Index c = 0; c < channels_; ++c)
      add_channel(c, open[static_cast<std::size_t>(c)] != 0, at, before + c * plane,
                  y_gradient + c * plane, plane, pressure, gradient + c * plane, by_outputs);
    const dynamic_relu& f = options_.function;
    for (Index i = 0; i < coefficients(); ++i) {
      const Index k = i % f.size();
      by_outputs[i] *=
          f.template range<S>(k) * dynamic_relu::theta_slope(f.theta_of(k, at.coefficients[i]));
    }
    S* const to = gradient_.data();
    const Index second = hidden_ * (features_ + 1);
    detail::affine_backward(second_weights(), at.hidden, by_outputs, hidden_, outputs(),
                            to + second, to + second + outputs() * hidden_, by_hidden);
    for (Index h = 0; h < hidden_; ++h)
      if (!(at.hidden[h] > 0)) by_hidden[h] = 0;
    detail::affine_backward(first_weights(), at.means, by_hidden, features_, hidden_, to,
                            to + hidden_ * features_, by_means);
    if (features_gradient != nullptr) detail::pool_backward<false>(x, by_means, features_gradient);
  }

 private:
  static void check_share(double share) {
    if (!(share > 0 && share <= 1))
      throw argument_error(errc::out_of_range,
                           detail::concat("activation_gate: an open share of ", share,
                                          "; expected above 0 and at most 1"));
  }
  void check() const {
    const activation_gate_options& o = options_;
    if (features_ < 1 || channels_ < 1 || o.reduction < 1 || o.function.pieces < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("activation_gate: ", features_, " features, ", channels_,
                                          " channels, a reduction of ", o.reduction, " and ",
                                          o.function.pieces, " pieces; all must be at least 1"));
    check_share(o.open_share);
    if (!(o.energy_temperature > 0 && o.head_temperature > 0 && o.function.slope_range > 0 &&
          o.function.offset_range > 0))
      throw argument_error(
          errc::out_of_range,
          detail::concat("activation_gate: temperatures ", o.energy_temperature, " and ",
                         o.head_temperature, ", ranges ", o.function.slope_range, " and ",
                         o.function.offset_range, "; all must be above 0"));
    if (o.scheme == coefficient_scheme::shared && o.score == gate_score::energy)
      throw argument_error(errc::unsupported,
                           "activation_gate: shared coefficients have one energy for all channels; "
                           "use gate_score::head");
  }

  /// Where things lie in the scratch of one sample.
  template <class T>
  struct parts {
    T *coefficients, *scores, *selection, *threshold, *means, *hidden, *outputs;
    parts(const activation_gate& g, T* from)
        : coefficients(from),
          scores(coefficients + g.coefficients()),
          selection(scores + g.channels_),
          threshold(selection + g.channels_),
          means(threshold + 1),
          hidden(means + g.features_),
          outputs(hidden + g.hidden_) {}
  };

  [[nodiscard]] bool is_shared() const noexcept {
    return options_.scheme == coefficient_scheme::shared;
  }
  [[nodiscard]] Index coefficients() const noexcept {
    return options_.function.size() * (is_shared() ? 1 : channels_);
  }
  [[nodiscard]] Index outputs() const noexcept {
    return coefficients() + (options_.score == gate_score::head ? channels_ : 0);
  }
  [[nodiscard]] const S* first_weights() const noexcept { return values_.data(); }
  [[nodiscard]] const S* first_bias() const noexcept {
    return values_.data() + hidden_ * features_;
  }
  [[nodiscard]] const S* second_weights() const noexcept { return first_bias() + hidden_; }
  [[nodiscard]] const S* second_bias() const noexcept {
    return second_weights() + outputs() * hidden_;
  }

  /// What one channel contributes: its own gradient, and those of its coefficients and score.
  void add_channel(Index c, bool is_open, const parts<const S>& at, const S* x, const S* dy,
                   Index plane, const gate_pressure<S>& pressure, S* dx, S* by_outputs) const {
    const dynamic_relu& f = options_.function;
    const Index first = is_shared() ? 0 : c * f.size();
    const S* const v = at.coefficients + first;
    S* const by_v = by_outputs + first;
    S by_open = pressure.open;
    for (Index p = 0; p < plane; ++p) {
      const S d = dy[p], u = x[p];
      const Index k = f.piece_at(v, u);
      by_open += d * (v[k] * u + v[f.pieces + k]);
      dx[p] = is_open ? d * v[k] : S(0);
      if (!is_open) continue;
      by_v[k] += d * u;
      by_v[f.pieces + k] += d;
    }
    const bool head = options_.score == gate_score::head;
    const S temperature =
        static_cast<S>(head ? options_.head_temperature : options_.energy_temperature);
    const S by_score = by_open * straight_through_slope(at.scores[c], *at.threshold, temperature);
    if (head) by_outputs[coefficients() + c] += by_score;
    const S energy = head ? f.energy(v) : at.scores[c];
    const S pull = (head ? S(0) : by_score) + pressure.lasso;
    for (Index i = 0; energy > 0 && i < f.size(); ++i) by_v[i] += pull * v[i] / energy;
  }

  Index features_, channels_, hidden_ = 1;
  activation_gate_options options_;
  std::vector<S> values_, gradient_, work_;
};

static_assert(trainable_gate<activation_gate<float>, float> &&
              trainable_gate<activation_gate<double>, double>);

}  // namespace v0
}  // namespace prunus
