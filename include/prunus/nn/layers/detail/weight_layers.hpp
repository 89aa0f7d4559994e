// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/block_kernel.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/simd/packet.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min
#include <memory>     // std::shared_ptr
#include <optional>   // std::optional
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Convolutions, and linear layers that work at several positions: convolutions of 1 x 1.
template <class S>
struct convolution_layer {
  direct_convolution<S> kernel;
  layer_parameter<S> weight, bias;
  bool relu = false;  ///< the activation that follows is done here
  std::vector<S> scale{},
      shift{};  ///< at inference: of the batch normalisation that follows; empty when none does
  bool folded = false;                           ///< use them
  std::shared_ptr<block_kernel<S>> inference{};  ///< instead of `kernel`

  [[nodiscard]] static convolution_shape shape_of(const operation::convolution& op,
                                                  const tensor_shape& in) {
    return {.in_channels = in.channels,
            .out_channels = op.out_channels,
            .height = in.height,
            .width = in.width,
            .kernel_height = op.kernel.height,
            .kernel_width = op.kernel.width,
            .stride_height = op.stride.height,
            .stride_width = op.stride.width,
            .padding_height = op.padding.height,
            .padding_width = op.padding.width,
            .groups = op.groups};
  }
  [[nodiscard]] static convolution_shape shape_of(const operation::linear& op,
                                                  const tensor_shape& in) {
    return {.in_channels = in.channels, .out_channels = op.out_features, .width = in.plane()};
  }

  [[nodiscard]] static std::optional<convolution_layer> made_for(const layer_context<S>& at) {
    const auto* convolution = at.template as<operation::convolution>();
    const auto* linear = at.template as<operation::linear>();
    if (convolution == nullptr && (linear == nullptr || at.in().plane() == 1)) return std::nullopt;
    return convolution_layer{
        .kernel = direct_convolution<S>(convolution != nullptr ? shape_of(*convolution, at.in())
                                                               : shape_of(*linear, at.in())),
        .weight = at.shared_parameter("weight"),
        .bias = at.shared_parameter("bias")};
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.fuses_relu = true, .folds_normalization = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return kernel.scratch_size(); }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const channel_epilogue<S> epilogue{folded ? scale.data() : nullptr,
                                       folded ? shift.data() : bias.value, relu};
    if (inference != nullptr && !block.training)
      return inference->forward(ports.in[0].value_of(block.first), epilogue,
                                ports.out.value_of(block.first), block);
    kernel.forward(ports.in[0].value_of(block.first), weight.value, epilogue,
                   ports.out.value_of(block.first), block.count, block.scratch);
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    const S* dy = ports.out.gradient_of(block.first);
    if (bias) add_sums_of_planes(dy, ports.out, block);
    kernel.backward(in.value_of(block.first), weight.value, dy,
                    {.weights = weight.share_of(block.shard),
                     .accumulate_weights = !block.starts_shard,
                     .input = in.gradient == nullptr ? nullptr : in.gradient_of(block.first),
                     .accumulate_input = in.accumulate},
                    block.count, block.scratch);
  }

 private:
  void add_sums_of_planes(const S* dy, const layer_port<S>& out,
                          const sample_block<S>& block) const {
    S* const share = bias.share_of(block.shard);
    const Index channels = out.shape.channels, plane = out.shape.plane();
    for (Index c = 0; c < channels; ++c) {
      S sum = block.starts_shard ? S(0) : share[c];
      for (Index n = 0; n < block.count; ++n)
        sum += sum_over<S>(
            plane, [](auto d) { return d; }, dy + (n * channels + c) * plane);
      share[c] = sum;
    }
  }
};

/// Linear layers on vectors. Their weight gradient is one product over the whole batch, computed at
/// the end.
template <class S>
struct linear_layer {
  linear_shape shape;
  layer_parameter<S> weight, bias;
  bool relu = false;
  std::shared_ptr<block_kernel<S>> inference{};  ///< instead of the plain product

  /// Samples whose gradients pass through the scratch memory together, where they must be added.
  static constexpr Index added_together = 8;
  [[nodiscard]] static std::optional<linear_layer> made_for(const layer_context<S>& at) {
    const auto* op = at.template as<operation::linear>();
    if (op == nullptr || at.in().plane() > 1) return std::nullopt;
    return linear_layer{.shape = {at.in().channels, op->out_features},
                        .weight = at.parameter("weight"),
                        .bias = at.parameter("bias")};
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.fuses_relu = true, .reads_all_weights = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept {
    return std::max(added_together * shape.in, linear_scratch_size<S>(shape));
  }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const channel_epilogue<S> epilogue{.shift = bias.value, .relu = relu};
    if (inference != nullptr && !block.training)
      return inference->forward(ports.in[0].value_of(block.first), epilogue,
                                ports.out.value_of(block.first), block);
    linear_forward(shape, ports.in[0].value_of(block.first), weight.value, epilogue,
                   ports.out.value_of(block.first), block.count, block.scratch);
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    if (!in.accumulate)
      return linear_input_gradient(shape, ports.out.gradient_of(block.first), weight.value,
                                   in.gradient_of(block.first), block.count);
    for (Index n = block.first; n < block.end(); n += added_together) {
      const Index count = std::min(added_together, block.end() - n);
      linear_input_gradient(shape, ports.out.gradient_of(n), weight.value, block.scratch, count);
      contribute(in.gradient_of(n), true, count * shape.in,
                 [&](Index i) { return block.scratch[i]; });
    }
  }

  /// Rows [first, first + rows) of the gradients of weights and bias, over `samples` samples.
  void weight_gradient(const layer_ports<S>& ports, Index samples, Index first, Index rows) const {
    linear_weight_gradient(shape, ports.in[0].value, ports.out.gradient, weight.gradient,
                           bias.gradient, samples, first, rows);
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
