// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n
#include <optional>   // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

/// What the network is given; the values are copied so that the caller's may go.
template <class S>
struct input_layer {
  const S* images = nullptr;

  [[nodiscard]] static std::optional<input_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::input>([&](const auto&) { return input_layer{}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index size = ports.out.size();
    std::copy_n(images + block.first * size, block.count * size, ports.out.value_of(block.first));
  }
  void backward(const layer_ports<S>&, const sample_block<S>&) const {}
};

/// The same numbers in the same order under another shape: flatten, split_heads, merge_heads.
template <class S>
struct reshape_layer {
  [[nodiscard]] static std::optional<reshape_layer> made_for(const layer_context<S>& at) {
    const auto* flatten = at.template as<operation::flatten>();
    if (!(flatten != nullptr && !flatten->channels_last) &&
        !at.template is<operation::split_heads>() && !at.template is<operation::merge_heads>())
      return std::nullopt;
    return reshape_layer{};
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.reshapes = true, .overwrites = 1, .backward_in_place = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const S* x = ports.in[0].value_of(block.first);
    S* y = ports.out.value_of(block.first);
    if (x != y) std::copy_n(x, block.count * ports.out.size(), y);
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr || in.gradient == ports.out.gradient) return;
    const S* dy = ports.out.gradient_of(block.first);
    contribute(in.gradient_of(block.first), in.accumulate, block.count * in.size(),
               [&](Index i) { return dy[i]; });
  }
};

/// Flattens position after position.
template <class S>
struct channels_last_layer {
  [[nodiscard]] static std::optional<channels_last_layer> made_for(const layer_context<S>& at) {
    const auto* flatten = at.template as<operation::flatten>();
    if (flatten == nullptr || !flatten->channels_last) return std::nullopt;
    return channels_last_layer{};
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index channels = ports.in[0].shape.channels, plane = ports.in[0].shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c)
        for (Index p = 0; p < plane; ++p)
          ports.out.value_of(n)[p * channels + c] = ports.in[0].value_of(n)[c * plane + p];
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    const Index channels = in.shape.channels, plane = in.shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c)
        contribute(in.gradient_of(n) + c * plane, in.accumulate, plane,
                   [&](Index p) { return ports.out.gradient_of(n)[p * channels + c]; });
  }
};

template <class S>
struct concat_layer {
  [[nodiscard]] static std::optional<concat_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::concat>([&](const auto&) { return concat_layer{}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n) {
      S* y = ports.out.value_of(n);
      for (const layer_port<S>& in : ports.in) y = std::copy_n(in.value_of(n), in.size(), y);
    }
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n) {
      const S* dy = ports.out.gradient_of(n);
      for (const layer_port<S>& in : ports.in) {
        if (in.gradient != nullptr)
          contribute(in.gradient_of(n), in.accumulate, in.size(), [&](Index i) { return dy[i]; });
        dy += in.size();
      }
    }
  }
};

template <class S>
struct pad_channels_layer {
  operation::pad_channels op;

  [[nodiscard]] static std::optional<pad_channels_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::pad_channels>(
        [&](const auto& its) { return pad_channels_layer{its}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = ports.out.shape.plane();
    for (Index n = block.first; n < block.end(); ++n) {
      S* y = std::fill_n(ports.out.value_of(n), op.before * plane, S(0));
      y = std::copy_n(ports.in[0].value_of(n), ports.in[0].size(), y);
      std::fill_n(y, op.after * plane, S(0));
    }
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    for (Index n = block.first; n < block.end(); ++n) {
      const S* dy = ports.out.gradient_of(n) + op.before * ports.out.shape.plane();
      contribute(in.gradient_of(n), in.accumulate, in.size(), [&](Index i) { return dy[i]; });
    }
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
