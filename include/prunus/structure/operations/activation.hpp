// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

#include <cmath>    // std::erf, std::exp, std::sqrt, std::tanh
#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {
namespace operation {

/// Which function an activation is.
enum class activation_function : std::uint8_t {
  identity,
  relu,
  leaky_relu,
  relu6,
  sigmoid,
  tanh,
  silu,
  gelu,  ///< the exact one, with the error function
  hard_swish
};

/// A function of each value.
struct activation {
  static constexpr std::string_view kind = "activation";

  activation_function function = activation_function::relu;
  double slope = 0.01;  ///< of leaky_relu below zero

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    return {.shape = detail::only_input(inputs)};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs.mapped([&](Index, double x) { return (*this)(x); });
  }
  [[nodiscard]] activation shrunk(const kept_channels&) const { return *this; }

  /// The function at one value.
  template <class = compiled_on_use>
  [[nodiscard]] double operator()(double x) const {
    using enum activation_function;
    const auto clamp6 = [](double v) { return v < 0 ? 0.0 : v > 6 ? 6.0 : v; };
    switch (function) {
      case identity:
        return x;
      case relu:
        return x > 0 ? x : 0;
      case leaky_relu:
        return x > 0 ? x : slope * x;
      case relu6:
        return clamp6(x);
      case sigmoid:
        return 1 / (1 + std::exp(-x));
      case tanh:
        return std::tanh(x);
      case silu:
        return x / (1 + std::exp(-x));
      case gelu:
        return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
      case hard_swish:
        return x * clamp6(x + 3) / 6;
    }
    return x;
  }
  friend bool operator==(const activation&, const activation&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
