// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/training/optimizer.hpp>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <span>         // std::span
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace nn {

/// Stochastic gradient descent with momentum: g += decay * w; v = momentum * v + g; w -= rate * v,
/// or with Nesterov's look-ahead w -= rate * (g + momentum * v).
/// @source Sutskever, Martens, Dahl, Hinton 2013, proceedings.mlr.press/v28/sutskever13
/// @deviation the rate multiplies the velocity when it is applied, not when it is gathered, as
/// PyTorch does
struct sgd {
  double learning_rate = 0.01;  ///< >= 0
  double momentum = 0.9;        ///< in [0, 1)
  bool nesterov = false;
  double weight_decay = 0;  ///< >= 0, added to the gradient
  bool decay_all = false;   ///< decay biases, scales and shifts too

  static constexpr std::array<std::string_view, 1> state_names{"velocity"};

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(learning_rate >= 0 && momentum >= 0 && momentum < 1 && weight_decay >= 0))
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("sgd: learning rate ", learning_rate, ", momentum ", momentum,
                                 ", weight decay ", weight_decay,
                                 "; expected >= 0, in [0, 1) and >= 0"));
  }

  template <class S>
  void update(std::span<S> weight, std::span<const S> gradient, std::span<const std::span<S>> state,
              double rate, double decay, std::int64_t) const noexcept {
    const S r = static_cast<S>(rate), m = static_cast<S>(momentum), d = static_cast<S>(decay);
    const S ahead = nesterov ? m : S(1), now = nesterov ? S(1) : S(0);
    S *w = weight.data(), *v = state[0].data();
    const S* g = gradient.data();
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const S slope = g[i] + d * w[i];
      v[i] = m * v[i] + slope;
      w[i] -= r * (now * slope + ahead * v[i]);
    }
  }
};

static_assert(update_rule<sgd, float> && update_rule<sgd, double>);

}  // namespace nn
}  // namespace v0
}  // namespace prunus
