// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/normalization_affine.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/runtime/batch_normalization.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <cmath>     // std::sqrt
#include <cstddef>   // std::size_t
#include <optional>  // std::optional
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Batch normalisation in three steps: every shard gathers moments, one thread puts them together,
/// every shard normalises. Backwards the same with the sums of the gradient.
template <class S>
struct batch_norm_layer {
  operation::batch_norm attributes;
  Index channels;
  layer_parameter<S> scale, shift, running_mean, running_variance;
  bool relu = false;  ///< the activation that follows is done here

  std::vector<running_moments> moments{};  // shards x channels
  std::vector<normalization_sums> sums{};  // shards x channels
  std::vector<S> mean{}, inverse{};        // of the batch, or running at inference
  std::vector<S> from_deviation{}, constant{};

  [[nodiscard]] static std::optional<batch_norm_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::batch_norm>([&](const auto& its) {
      return batch_norm_layer{.attributes = its,
                              .channels = at.in().channels,
                              .scale = at.parameter("weight"),
                              .shift = at.parameter("bias"),
                              .running_mean = at.parameter("running_mean"),
                              .running_variance = at.parameter("running_var")};
    });
  }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.backward_in_place = true, .fuses_relu = true, .normalizes_batch = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }

  void prepare(Index shards) {
    const std::size_t c = static_cast<std::size_t>(channels), n = static_cast<std::size_t>(shards);
    moments.resize(n * c);
    sums.resize(n * c);
    for (std::vector<S>* values : {&mean, &inverse, &from_deviation, &constant}) values->resize(c);
  }

  void gather_moments(const layer_ports<S>& ports, const sample_block<S>& block) {
    const layer_port<S>& in = ports.in[0];
    const Index plane = in.shape.plane();
    for (Index c = 0; c < channels; ++c) {
      running_moments& share = moments[at(block.shard, c)];
      if (block.starts_shard) share = {};
      for (Index n = block.first; n < block.end(); ++n)
        share += moments_of(in.value_of(n) + c * plane, plane);
    }
  }

  /// Mean and variance of the batch; the running statistics take their share, the variance
  /// unbiased.
  void finish_moments(Index shards) {
    for (Index c = 0; c < channels; ++c) {
      running_moments all;
      for (Index shard = 0; shard < shards; ++shard) all += moments[at(shard, c)];
      set_statistics(c, all.mean, all.variance());
      const double unbiased = all.squared_deviations / (all.count - 1);
      blend(running_mean.value[c], all.mean);
      blend(running_variance.value[c], unbiased);
    }
  }

  void take_running_statistics() {
    for (Index c = 0; c < channels; ++c)
      set_statistics(c, static_cast<double>(running_mean.value[c]),
                     static_cast<double>(running_variance.value[c]));
  }

  /// What it does to a channel, of the batch or at inference.
  [[nodiscard]] normalization_affine<S> affine(Index c) const noexcept {
    const std::size_t i = static_cast<std::size_t>(c);
    return {scale.value[c], shift.value[c], mean[i], inverse[i]};
  }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = ports.out.shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c) {
        const normalization_affine<S> by = affine(c);
        scale_and_shift(ports.in[0].value_of(n) + c * plane, by.factor, by.offset, relu,
                        ports.out.value_of(n) + c * plane, plane);
      }
  }

  void gather_sums(const layer_ports<S>& ports, const sample_block<S>& block) {
    const Index plane = ports.out.shape.plane();
    for (Index c = 0; c < channels; ++c) {
      normalization_sums& share = sums[at(block.shard, c)];
      if (block.starts_shard) share = {};
      for (Index n = block.first; n < block.end(); ++n)
        share += normalization_sums_of(ports.in[0].value_of(n) + c * plane,
                                       mean[static_cast<std::size_t>(c)],
                                       ports.out.gradient_of(n) + c * plane, plane);
    }
  }

  /// Gradients of scale and shift, and the coefficients of the gradient of the input.
  void finish_sums(Index shards, Index samples, Index plane) {
    const double count = static_cast<double>(samples * plane);
    for (Index c = 0; c < channels; ++c) {
      const std::size_t i = static_cast<std::size_t>(c);
      normalization_sums all;
      for (Index shard = 0; shard < shards; ++shard) all += sums[at(shard, c)];
      const double over = static_cast<double>(inverse[i]),
                   by = static_cast<double>(affine(c).factor);
      shift.gradient[c] = static_cast<S>(all.gradient);
      scale.gradient[c] = static_cast<S>(all.gradient_deviation * over);
      from_deviation[i] = static_cast<S>(-by * over * over * all.gradient_deviation / count);
      constant[i] = static_cast<S>(-by * all.gradient / count);
    }
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const layer_port<S>& in = ports.in[0];
    if (in.gradient == nullptr) return;
    const Index plane = in.shape.plane();
    for (Index n = block.first; n < block.end(); ++n)
      for (Index c = 0; c < channels; ++c) {
        const std::size_t i = static_cast<std::size_t>(c);
        normalization_backward(in.value_of(n) + c * plane, mean[i],
                               ports.out.gradient_of(n) + c * plane, affine(c).factor,
                               from_deviation[i], constant[i], in.accumulate,
                               in.gradient_of(n) + c * plane, plane);
      }
  }

 private:
  [[nodiscard]] std::size_t at(Index shard, Index c) const noexcept {
    return static_cast<std::size_t>(shard * channels + c);
  }
  void set_statistics(Index c, double batch_mean, double variance) {
    mean[static_cast<std::size_t>(c)] = static_cast<S>(batch_mean);
    inverse[static_cast<std::size_t>(c)] = inverse_deviation<S>(variance, attributes.epsilon);
  }
  void blend(S& running, double now) const noexcept {
    running = static_cast<S>((1 - attributes.momentum) * static_cast<double>(running) +
                             attributes.momentum * now);
  }
};

/// Normalisation over the channels, at each position of each sample.
template <class S>
struct layer_norm_layer {
  operation::layer_norm attributes;
  tensor_shape shape;
  layer_parameter<S> scale, shift;

  [[nodiscard]] static std::optional<layer_norm_layer> made_for(const layer_context<S>& at) {
    return at.template when<operation::layer_norm>([&](const auto& its) {
      return layer_norm_layer{.attributes = its,
                              .shape = at.in(),
                              .scale = at.shared_parameter("weight"),
                              .shift = at.shared_parameter("bias")};
    });
  }
  [[nodiscard]] layer_traits traits() const noexcept { return {}; }
  [[nodiscard]] Index scratch_size() const noexcept { return 4 * shape.plane(); }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    for (Index n = block.first; n < block.end(); ++n) {
      const positions p = statistics(ports.in[0].value_of(n), block.scratch);
      const S* x = ports.in[0].value_of(n);
      S* y = ports.out.value_of(n);
      for (Index c = 0; c < shape.channels; ++c)
        for (Index i = 0; i < shape.plane(); ++i, ++x, ++y)
          *y = (*x - p.mean[i]) * p.inverse[i] * scale.value[c] + shift.value[c];
    }
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    const Index plane = shape.plane();
    S *const scale_share = scale.share_of(block.shard), *const shift_share =
                                                            shift.share_of(block.shard);
    if (block.starts_shard)
      for (Index c = 0; c < shape.channels; ++c) scale_share[c] = shift_share[c] = 0;
    for (Index n = block.first; n < block.end(); ++n) {
      const S *x = ports.in[0].value_of(n), *dy = ports.out.gradient_of(n);
      const positions p = statistics(x, block.scratch);
      for (Index i = 0; i < plane; ++i) p.sum[i] = p.product[i] = 0;
      for (Index c = 0; c < shape.channels; ++c)
        for (Index i = 0; i < plane; ++i) {
          const S normal = (x[c * plane + i] - p.mean[i]) * p.inverse[i], d = dy[c * plane + i];
          scale_share[c] += d * normal;
          shift_share[c] += d;
          p.sum[i] += d * scale.value[c];
          p.product[i] += d * scale.value[c] * normal;
        }
      const layer_port<S>& in = ports.in[0];
      if (in.gradient == nullptr) continue;
      const S share = S(1) / static_cast<S>(shape.channels);
      for (Index c = 0; c < shape.channels; ++c)
        contribute(in.gradient_of(n) + c * plane, in.accumulate, plane, [&](Index i) {
          const S normal = (x[c * plane + i] - p.mean[i]) * p.inverse[i];
          return p.inverse[i] *
                 (dy[c * plane + i] * scale.value[c] - share * (p.sum[i] + normal * p.product[i]));
        });
    }
  }

 private:
  /// One number for each position.
  struct positions {
    S *mean, *inverse, *sum, *product;
  };
  [[nodiscard]] positions statistics(const S* x, S* scratch) const {
    const Index plane = shape.plane();
    const positions p{scratch, scratch + plane, scratch + 2 * plane, scratch + 3 * plane};
    const S share = S(1) / static_cast<S>(shape.channels);
    for (Index i = 0; i < plane; ++i) p.mean[i] = p.inverse[i] = 0;
    for (Index c = 0; c < shape.channels; ++c)
      for (Index i = 0; i < plane; ++i) p.mean[i] += x[c * plane + i] * share;
    for (Index c = 0; c < shape.channels; ++c)
      for (Index i = 0; i < plane; ++i) {
        const S deviation = x[c * plane + i] - p.mean[i];
        p.inverse[i] += deviation * deviation * share;
      }
    for (Index i = 0; i < plane; ++i)
      p.inverse[i] = 1 / std::sqrt(p.inverse[i] + static_cast<S>(attributes.epsilon));
    return p;
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
