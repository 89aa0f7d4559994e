// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/operations/activation.hpp>

#include <cmath>  // std::exp, std::tanh, std::erf

namespace prunus {
inline namespace v0 {
namespace detail {

// Each function of an activation: its value at x and its slope, which is told x and y = value(x).
// NaN stays NaN in every value. `slope_from_result` says that the slope needs y only.

struct identity_function {
  static constexpr bool slope_from_result = true;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x;
  }
  template <class S>
  [[nodiscard]] S slope(S, S) const noexcept {
    return S(1);
  }
};
struct relu_function {
  static constexpr bool slope_from_result = true;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x < 0 ? S(0) : x;
  }
  template <class S>
  [[nodiscard]] S slope(S, S y) const noexcept {
    return y > 0 ? S(1) : S(0);
  }
};
struct leaky_relu_function {
  double below;
  static constexpr bool slope_from_result = false;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x < 0 ? x * static_cast<S>(below) : x;
  }
  template <class S>
  [[nodiscard]] S slope(S x, S) const noexcept {
    return x > 0 ? S(1) : static_cast<S>(below);
  }
};
struct relu6_function {
  static constexpr bool slope_from_result = true;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x < 0 ? S(0) : x > 6 ? S(6) : x;
  }
  template <class S>
  [[nodiscard]] S slope(S, S y) const noexcept {
    return y > 0 && y < 6 ? S(1) : S(0);
  }
};
struct sigmoid_function {
  static constexpr bool slope_from_result = true;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    const S e = std::exp(x < 0 ? x : -x);  // never overflows
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
  }
  template <class S>
  [[nodiscard]] S slope(S, S y) const noexcept {
    return y * (1 - y);
  }
};
struct tanh_function {
  static constexpr bool slope_from_result = true;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return std::tanh(x);
  }
  template <class S>
  [[nodiscard]] S slope(S, S y) const noexcept {
    return 1 - y * y;
  }
};
struct silu_function {
  static constexpr bool slope_from_result = false;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x * sigmoid_function{}.value(x);
  }
  template <class S>
  [[nodiscard]] S slope(S x, S) const noexcept {
    const S s = sigmoid_function{}.value(x);
    return s * (1 + x * (1 - s));
  }
};
/// With the error function, not its approximation by tanh.
struct gelu_function {
  static constexpr bool slope_from_result = false;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x * below(x);
  }
  template <class S>
  [[nodiscard]] S slope(S x, S) const noexcept {
    return below(x) + x * static_cast<S>(0.3989422804014327) * std::exp(x * x / -2);
  }

 private:
  /// Share of a normal distribution below x.
  template <class S>
  [[nodiscard]] static S below(S x) noexcept {
    return (1 + std::erf(x * static_cast<S>(0.7071067811865476))) / 2;
  }
};
struct hard_swish_function {
  static constexpr bool slope_from_result = false;
  template <class S>
  [[nodiscard]] S value(S x) const noexcept {
    return x < -3 ? S(0) : x > 3 ? x : x * (x + 3) / 6;
  }
  template <class S>
  [[nodiscard]] S slope(S x, S) const noexcept {
    return x < -3 ? S(0) : x > 3 ? S(1) : (2 * x + 3) / 6;
  }
};

/// Calls `f` with the function that `op` names.
template <class F>
decltype(auto) with_function(const operation::activation& op, const F& f) {
  using enum operation::activation_function;
  switch (op.function) {
    case relu:
      return f(relu_function{});
    case leaky_relu:
      return f(leaky_relu_function{op.slope});
    case relu6:
      return f(relu6_function{});
    case sigmoid:
      return f(sigmoid_function{});
    case tanh:
      return f(tanh_function{});
    case silu:
      return f(silu_function{});
    case gelu:
      return f(gelu_function{});
    case hard_swish:
      return f(hard_swish_function{});
    case identity:
      break;
  }
  return f(identity_function{});
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
