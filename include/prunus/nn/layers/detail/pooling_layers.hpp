// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/block_kernel.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/runtime/pooling.hpp>
#include <prunus/simd/packet.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n, std::max_element
#include <memory>     // std::shared_ptr
#include <optional>   // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

template <class S>
struct pooling_layer {
  pooling_shape shape;
  operation::pooling_function function;
  std::shared_ptr<block_kernel<S>> inference{};  ///< instead of the plain one

  [[nodiscard]] static pooling_shape shape_of(const operation::pooling& op,
                                              const tensor_shape& in) {
    return {in.height,        in.width,        op.kernel.height,  op.kernel.width,
            op.stride.height, op.stride.width, op.padding.height, op.padding.width};
  }
  [[nodiscard]] static std::optional<pooling_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::pooling>([&](const auto& its) {
      return pooling_layer{shape_of(its, at.in()), its.function};
    });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index planes = block.count * ports.out.shape.channels;
    const S* x = ports.in[0].value_of(block.first);
    if (inference != nullptr && !block.training)
      return inference->forward(x, {}, ports.out.value_of(block.first), block);
    if (function == operation::pooling_function::max)
      max_pooling_forward(shape, x, ports.out.value_of(block.first), planes);
    else
      average_pooling_forward(shape, x, ports.out.value_of(block.first), planes);
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    const Index planes = block.count * in.shape.channels;
    const S* dy = ports.out.gradient_of(block.first);
    S* dx = in.gradient_of(block.first);
    if (function == operation::pooling_function::max)
      max_pooling_backward(shape, in.value_of(block.first), dy, in.accumulate, dx, planes);
    else
      average_pooling_backward(shape, dy, in.accumulate, dx, planes);
  }
};

template <class S>
struct global_pooling_layer {
  operation::pooling_function function;

  [[nodiscard]] static std::optional<global_pooling_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::global_pooling>(
        [&](const auto& its) { return global_pooling_layer{its.function}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = ports.in[0].shape.plane(), planes = block.count * ports.out.shape.channels;
    const S* x = ports.in[0].value_of(block.first);
    S* y = ports.out.value_of(block.first);
    for (Index i = 0; i < planes; ++i, x += plane)
      y[i] = function == operation::pooling_function::max
                 ? x[position_of_maximum(x, plane)]
                 : sum_over<S>(
                       plane, [](auto value) { return value; }, x) /
                       static_cast<S>(plane);
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    const Index plane = in.shape.plane(), planes = block.count * in.shape.channels;
    const S *x = in.value_of(block.first), *dy = ports.out.gradient_of(block.first);
    S* dx = in.gradient_of(block.first);
    for (Index i = 0; i < planes; ++i, x += plane, dx += plane) {
      if (function == operation::pooling_function::max) {
        if (!in.accumulate) std::fill_n(dx, plane, S(0));
        dx[position_of_maximum(x, plane)] += dy[i];
      } else {
        const S share = dy[i] / static_cast<S>(plane);
        contribute(dx, in.accumulate, plane, [&](Index) { return share; });
      }
    }
  }

 private:
  [[nodiscard]] static Index position_of_maximum(const S* x, Index plane) noexcept {
    return std::max_element(x, x + plane) - x;  // the first of equals
  }
};

template <class S>
struct upsampling_layer {
  extent2 factor;

  [[nodiscard]] static std::optional<upsampling_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::upsampling>(
        [&](const auto& its) { return upsampling_layer{its.factor}; });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n)
      for_each_pair(ports, [&](Index from, Index to) {
        ports.out.value_of(n)[to] = ports.in[0].value_of(n)[from];
      });
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    if (!in.accumulate) std::fill_n(in.gradient_of(block.first), block.count * in.size(), S(0));
    for (Index n = block.first; n < block.end(); ++n)
      for_each_pair(ports, [&](Index from, Index to) {
        in.gradient_of(n)[from] += ports.out.gradient_of(n)[to];
      });
  }

 private:
  template <class F>
  void for_each_pair(const layer_ports<S>& ports, const F& f) const {
    const tensor_shape &in = ports.in[0].shape, &out = ports.out.shape;
    for (Index c = 0; c < out.channels; ++c)
      for (Index y = 0; y < out.height; ++y)
        for (Index x = 0; x < out.width; ++x)
          f((c * in.height + y / factor.height) * in.width + x / factor.width,
            (c * out.height + y) * out.width + x);
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
