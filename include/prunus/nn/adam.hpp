// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/optimizer.hpp>

#include <array>        // std::array
#include <cmath>        // std::pow, std::sqrt
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <span>         // std::span
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace nn {

/// Adam: m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w -= rate * m' / (sqrt(v') +
/// epsilon), where m' and v' are freed of their start at zero.
/// @source Kingma, Ba 2015, arXiv:1412.6980; decoupled weight decay: Loshchilov, Hutter 2019,
/// arXiv:1711.05101
struct adam {
  double learning_rate = 0.001;  ///< >= 0
  double beta1 = 0.9;            ///< in [0, 1)
  double beta2 = 0.999;          ///< in [0, 1)
  double epsilon = 1e-8;         ///< > 0
  double weight_decay = 0;       ///< >= 0
  bool decoupled =
      true;  ///< decay shrinks the weight by rate * decay instead of entering the gradient
  bool decay_all = false;  ///< decay biases, scales and shifts too

  static constexpr std::array<std::string_view, 2> state_names{"first_moment", "second_moment"};

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(learning_rate >= 0 && beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0 &&
          weight_decay >= 0))
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat(
                               "adam: learning rate ", learning_rate, ", beta1 ", beta1, ", beta2 ",
                               beta2, ", epsilon ", epsilon, ", weight decay ", weight_decay,
                               "; expected >= 0, in [0, 1), in [0, 1), > 0 and >= 0"));
  }

  template <class S>
  void update(std::span<S> weight, std::span<const S> gradient, std::span<const std::span<S>> state,
              double rate, double decay, std::int64_t step) const noexcept {
    const S b1 = static_cast<S>(beta1), b2 = static_cast<S>(beta2), e = static_cast<S>(epsilon);
    const S pace = static_cast<S>(rate / (1 - std::pow(beta1, static_cast<double>(step))));
    const S unbias = static_cast<S>(1 / (1 - std::pow(beta2, static_cast<double>(step))));
    const S into_gradient = static_cast<S>(decoupled ? 0 : decay);
    const S shrink = static_cast<S>(decoupled ? rate * decay : 0);
    S *w = weight.data(), *first = state[0].data(), *second = state[1].data();
    const S* g = gradient.data();
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const S slope = g[i] + into_gradient * w[i];
      first[i] = b1 * first[i] + (1 - b1) * slope;
      second[i] = b2 * second[i] + (1 - b2) * slope * slope;
      w[i] -= shrink * w[i] + pace * first[i] / (std::sqrt(second[i] * unbias) + e);
    }
  }
};

static_assert(update_rule<adam, float> && update_rule<adam, double>);

}  // namespace nn
}  // namespace v0
}  // namespace prunus
