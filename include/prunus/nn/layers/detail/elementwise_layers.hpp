// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/activation_functions.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <optional>   // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

/// Works in place where its input is nobody else's.
template <class S>
struct activation_layer {
  operation::activation op;

  [[nodiscard]] static std::optional<activation_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::activation>(
        [&](const auto& its) { return activation_layer{its}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    const bool from_result = with_function(op, [](const auto& f) { return f.slope_from_result; });
    return {.overwrites = from_result ? 1u : 0u,
            .backward_in_place = true,
            .needs_result = from_result,
            .is_relu = op.function == operation::activation_function::relu};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index size = block.count * ports.out.size();
    const S* x = ports.in[0].value_of(block.first);
    S* y = ports.out.value_of(block.first);
    with_function(op, [&](const auto& function) {
      for (Index i = 0; i < size; ++i) y[i] = function.value(x[i]);
    });
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    const S *x = in.value_of(block.first), *y = ports.out.value_of(block.first);
    const S* dy = ports.out.gradient_of(block.first);
    with_function(op, [&](const auto& function) {
      contribute(in.gradient_of(block.first), in.accumulate, block.count * ports.out.size(),
                 [&](Index i) { return dy[i] * function.slope(x[i], y[i]); });
    });
  }
};

template <class S>
struct add_layer {
  bool relu = false;  ///< the activation that follows is done here

  [[nodiscard]] static std::optional<add_layer> made_for(const layer_context<S>& at) {
    if (!(at.template is<operation::add>())) return std::nullopt;
    return add_layer{};
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.overwrites = 2, .backward_in_place = true, .fuses_relu = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index size = block.count * ports.out.size();
    S* y = ports.out.value_of(block.first);
    const S* sum = ports.in[0].value_of(block.first);
    for (std::size_t j = 1; j < ports.in.size(); ++j, sum = y) {
      const S* x = ports.in[j].value_of(block.first);
      if (relu && j + 1 == ports.in.size())
        for (Index i = 0; i < size; ++i) y[i] = relu_function{}.value(sum[i] + x[i]);
      else
        for (Index i = 0; i < size; ++i) y[i] = sum[i] + x[i];
    }
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const S* dy = ports.out.gradient_of(block.first);
    for (const layer_port<S>& in : ports.in)
      if (in.gradient != nullptr && in.gradient != ports.out.gradient)
        contribute(in.gradient_of(block.first), in.accumulate, block.count * in.size(),
                   [&](Index i) { return dy[i]; });
  }
};

/// Factors of one position are spread over the plane.
template <class S>
struct multiply_layer {
  [[nodiscard]] static std::optional<multiply_layer> made_for(const layer_context<S>& at) {
    if (!(at.template is<operation::multiply>())) return std::nullopt;
    return multiply_layer{};
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n)
      for_each_product(ports, n, ports.in.size(),
                       [&](Index i, S product) { ports.out.value_of(n)[i] = product; });
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n)
      for (std::size_t j = 0; j < ports.in.size(); ++j) {
        const layer_port<S>& in = ports.in[j];
        if (in.gradient == nullptr) continue;
        S* dx = in.gradient_of(n);
        if (!in.accumulate) std::fill_n(dx, in.size(), S(0));
        const Index plane = ports.out.shape.plane();
        const bool spread = in.shape.plane() != plane;
        for_each_product(ports, n, j, [&](Index i, S product) {
          dx[spread ? i / plane : i] += ports.out.gradient_of(n)[i] * product;
        });
      }
  }

 private:
  /// Calls f(i, product of all factors but number `left_out` at position i of the result).
  template <class F>
  static void for_each_product(const layer_ports<S>& ports, Index n, std::size_t left_out,
                               const F& f) {
    const Index plane = ports.out.shape.plane();
    for (Index i = 0; i < ports.out.size(); ++i) {
      S product = 1;
      for (std::size_t j = 0; j < ports.in.size(); ++j)
        if (j != left_out)
          product *= ports.in[j].value_of(n)[ports.in[j].shape.plane() == plane ? i : i / plane];
      f(i, product);
    }
  }
};

/// Which values fall is a function of (seed, node, step, sample, position), so that backward needs
/// no memory.
template <class S>
struct dropout_layer {
  operation::dropout op;
  std::uint64_t seed, node;

  [[nodiscard]] static std::optional<dropout_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::dropout>([&](const auto& its) {
      return dropout_layer{its, at.seed(), at.node()};
    });
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.overwrites = 1, .backward_in_place = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const S* x = ports.in[0].value_of(block.first);
    S* y = ports.out.value_of(block.first);
    if (block.training)
      for_each_factor(ports.out.size(), block, [&](Index i, S factor) { y[i] = factor * x[i]; });
    else if (y != x)
      std::copy_n(x, block.count * ports.out.size(), y);
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    S* dx = in.gradient_of(block.first);
    const S* dy = ports.out.gradient_of(block.first);
    for_each_factor(ports.out.size(), block, [&](Index i, S factor) {
      dx[i] = (in.accumulate ? dx[i] : S(0)) + factor * dy[i];
    });
  }

 private:
  template <class F>
  void for_each_factor(Index size, const sample_block<S>& block, const F& f) const {
    const nn::counter_random random(seed, node << 32 ^ block.step);
    const S kept = static_cast<S>(1 / (1 - op.rate));
    const std::uint32_t limit = static_cast<std::uint32_t>(op.rate * 0x1p32);
    std::array<std::uint32_t, 4> numbers{};
    for (Index i = 0; i < block.count * size; ++i) {
      const std::uint64_t at = static_cast<std::uint64_t>(block.first * size + i);
      if (i == 0 || at % 4 == 0) numbers = random.block(at / 4);
      f(i, numbers[at % 4] < limit ? S(0) : kept);
    }
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
