// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/nn/layers/detail/gated_tensor.hpp>
#include <prunus/nn/layers/detail/sample_shards.hpp>
#include <prunus/runtime/batch_normalization.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill, std::fill_n
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <optional>   // std::optional
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// A tensor of the backbone and its gradient; null where there is none.
template <class S>
struct borrowed_parameter {
  S* value = nullptr;
  S* gradient = nullptr;
};

/// A convolution with what follows it: normalisation, then a rectifier or a gate.
template <class S, class Gate>
class gated_convolution_layer {
 public:
  struct parameters {
    borrowed_parameter<S> weight, bias, scale, shift, running_mean, running_variance;
    operation::batch_norm normalization;
    [[nodiscard]] bool normalizes() const noexcept { return scale.value != nullptr; }
  };

  gated_convolution_layer(std::string name, const convolution_shape& shape,
                          const parameters& tensors, bool relu, std::optional<Gate> its_gate,
                          gate_source looks_at)
      : gate(std::move(its_gate)),
        source(looks_at),
        fast(shape),
        statistics(std::move(name), shape.out_channels),
        tensors_(tensors),
        relu_(relu),
        full_(shape) {
    for (std::vector<S>* v : {&mean_, &inverse_, &factor_, &offset_})
      v->resize(static_cast<std::size_t>(shape.out_channels));
  }

  /// Memory for a batch; what inference needs to know of the normalisation.
  void prepare(Index batch, bool training, const sample_shards& shards) {
    const auto grow = [](auto& values, Index size) {
      if (values.size() < static_cast<std::size_t>(size))
        values.resize(static_cast<std::size_t>(size));
    };
    if (gate) {
      grow(out->flags, batch * channels());
      grow(gate_scratch_, batch * gate->scratch_size());
    }
    while (std::ssize(work_) < shards.threads()) work_.push_back(fast.make_workspace());
    runs_.resize(index(shards.shards()));
    if (!training) {
      for (Index c = 0; c < channels(); ++c) use_running_statistics(c);
      return;
    }
    for (std::vector<S>* v : {&raw_, &before_, &before_gradient_})
      grow(*v, batch * full_.shape().out_size());
    scratch_.resize(index(shards.threads()));
    for (std::vector<S>& v : scratch_) grow(v, full_.scratch_size());
    grow(weight_shares_, (shards.shards() - 1) * full_.shape().weight_size());
  }

  /// Computes the open channels of a shard's samples.
  void infer(const shard& of) {
    const bool decides_first = gate && source == gate_source::input;
    if (decides_first) decide(*in, of);
    const open_channels open{in->open_of(of.begin),
                             decides_first ? flags_of(of.begin).data() : nullptr};
    runs_[index(of.number)] =
        fast.forward(in->value_of(of.begin), tensors_.weight.value,
                     {factor_.data(), offset_.data(), relu_ && !gate}, out->value_of(of.begin),
                     of.size(), open, work_[index(of.worker)]);
    if (gate && !decides_first) {
      decide(*out, of);
      close(of);
    }
    if (gate) shape(of);
  }
  /// Counts what the shards of a batch did.
  void record(Index batch, Index shards) {
    for (Index k = 0; k < shards; ++k) statistics.record(runs_[index(k)], 0);
    if (!gate) return;
    statistics.record(std::span(std::as_const(out->flags)).first(flag_count(batch)));
    statistics.record({}, batch * gate->macs());
  }

  /// Computes everything, since closed channels learn whether to open, and masks.
  void train(Index batch, sample_shards& shards) {
    shards.run(batch, [&](const shard& of) {
      full_.forward(in->value_of(of.begin), tensors_.weight.value, {},
                    raw_.data() + at(of.begin, 0), of.size(), scratch_[index(of.worker)].data());
    });
    shards.run_each(channels(), [&](Index c) {
      if (tensors_.normalizes())
        use_batch_statistics(c, batch);
      else
        use_running_statistics(c);
    });
    shards.run(batch, [&](const shard& of) {
      for (Index n = of.begin; n < of.end; ++n)
        for (Index c = 0; c < channels(); ++c)
          scale_and_shift(raw_.data() + at(n, c), factor_[index(c)], offset_[index(c)], false,
                          before_.data() + at(n, c), plane());
      S* const y = out->value_of(of.begin);
      const Index size = of.size() * full_.shape().out_size();
      std::copy_n(before_.data() + at(of.begin, 0), size, y);
      if (gate) {
        decide(source == gate_source::input ? *in : *out, of);
        close(of);
        shape(of);
      } else if (relu_) {
        for (Index i = 0; i < size; ++i) y[i] = y[i] < 0 ? S(0) : y[i];  // NaN stays NaN
      }
    });
  }

  /// From the gradient of the output to those of parameters and input, which is added to.
  /// `pressure_of(sample)` is what the gate is to feel beside the loss.
  template <class PressureOf>
  void backward(Index batch, sample_shards& shards, const PressureOf& pressure_of) {
    if (gate) {
      for (Index n = 0; n < batch; ++n) gate_backward(n, pressure_of(n));
    } else {
      shards.run(batch, [&](const shard& of) {
        const S* const dy = out->gradient_of(of.begin);
        const S* const before = before_.data() + at(of.begin, 0);
        S* const d = before_gradient_.data() + at(of.begin, 0);
        for (Index i = 0; i < of.size() * full_.shape().out_size(); ++i)
          d[i] = relu_ && !(before[i] > 0) ? S(0) : dy[i];
      });
    }
    shards.run_each(channels(), [&](Index c) { normalize_backward(c, batch); });
    const Index size = full_.shape().weight_size();
    const auto share_of = [&](Index k) {
      return k == 0 ? tensors_.weight.gradient : weight_shares_.data() + (k - 1) * size;
    };
    shards.run(batch, [&](const shard& of) {
      full_.backward(in->value_of(of.begin), tensors_.weight.value,
                     before_gradient_.data() + at(of.begin, 0),
                     {.weights = share_of(of.number),
                      .input = in->gradient_of(of.begin),
                      .accumulate_input = true},
                     of.size(), scratch_[index(of.worker)].data());
    });
    for (Index k = 1; k < shards.shards_of(batch); ++k)
      for (Index i = 0; i < size; ++i) tensors_.weight.gradient[i] += share_of(k)[i];
  }

  /// Multiply-adds of one pair of an input and an output channel; of groups, on average.
  [[nodiscard]] double pair_macs() const noexcept {
    return static_cast<double>(full_.shape().kernel_area() * plane()) /
           static_cast<double>(full_.shape().groups);
  }

  std::optional<Gate> gate;
  gate_source source;
  gated_convolution<S> fast;
  gate_statistics statistics;
  gated_tensor<S>* in = nullptr;
  gated_tensor<S>* out = nullptr;

 private:
  [[nodiscard]] static std::size_t index(Index i) noexcept { return static_cast<std::size_t>(i); }
  [[nodiscard]] Index channels() const noexcept { return full_.shape().out_channels; }
  [[nodiscard]] Index plane() const noexcept {
    return full_.shape().out_height() * full_.shape().out_width();
  }
  [[nodiscard]] Index at(Index n, Index c) const noexcept {
    return n * full_.shape().out_size() + c * plane();
  }
  [[nodiscard]] std::size_t flag_count(Index batch) const noexcept {
    return index(batch * channels());
  }

  [[nodiscard]] feature_maps<S> features(const gated_tensor<S>& of, const S* values,
                                         Index n) const noexcept {
    return {values, of.shape.channels, of.shape.plane(), &of == out ? nullptr : of.open_of(n)};
  }
  [[nodiscard]] std::span<std::uint8_t> flags_of(Index n) noexcept {
    return std::span(out->flags).subspan(flag_count(n), index(channels()));
  }
  [[nodiscard]] std::span<S> scratch_of(Index n) noexcept {
    return std::span(gate_scratch_)
        .subspan(index(n * gate->scratch_size()), index(gate->scratch_size()));
  }
  void decide(const gated_tensor<S>& seen, const shard& of) {
    for (Index n = of.begin; n < of.end; ++n)
      gate->decide(features(seen, seen.value_of(n), n), flags_of(n), scratch_of(n));
  }
  void close(const shard& of) noexcept {
    for (Index k = of.begin * channels(); k < of.end * channels(); ++k)
      if (out->flags[index(k)] == 0) std::fill_n(out->value.data() + k * plane(), plane(), S(0));
  }
  void shape(const shard& of) {
    for (Index n = of.begin; n < of.end; ++n)
      gate->shape(std::span<const std::uint8_t>(flags_of(n)), std::span<const S>(scratch_of(n)),
                  out->value_of(n), plane());
  }
  void gate_backward(Index n, const gate_pressure<S>& pressure) {
    const bool first = source == gate_source::input;
    const S* const before = before_.data() + at(n, 0);
    S* const d = before_gradient_.data() + at(n, 0);
    gate->backward(features(first ? *in : *out, first ? in->value_of(n) : before, n), flags_of(n),
                   std::span<const S>(scratch_of(n)), before, out->gradient_of(n), plane(),
                   pressure, d, first ? in->gradient_of(n) : d);
  }

  /// What the normalisation multiplies with and adds; a bias in front shifts the mean.
  void use_running_statistics(Index c) noexcept {
    const S bias = tensors_.bias.value == nullptr ? S(0) : tensors_.bias.value[c];
    factor_[index(c)] = 1;
    offset_[index(c)] = bias;
    if (!tensors_.normalizes()) return;
    const double variance = static_cast<double>(tensors_.running_variance.value[c]);
    set_factor(c, tensors_.running_mean.value[c] - bias, variance);
  }
  void set_factor(Index c, S mean, double variance) noexcept {
    mean_[index(c)] = mean;
    inverse_[index(c)] = static_cast<S>(1 / std::sqrt(variance + tensors_.normalization.epsilon));
    factor_[index(c)] = tensors_.scale.value[c] * inverse_[index(c)];
    offset_[index(c)] = tensors_.shift.value[c] - mean * factor_[index(c)];
  }
  void use_batch_statistics(Index c, Index batch) {
    running_moments all;
    for (Index n = 0; n < batch; ++n) all += moments_of(raw_.data() + at(n, c), plane());
    set_factor(c, static_cast<S>(all.mean), all.variance());
    const double bias =
        tensors_.bias.value == nullptr ? 0.0 : static_cast<double>(tensors_.bias.value[c]);
    const auto blend = [&](S& running, double now) {
      const double momentum = tensors_.normalization.momentum;
      running = static_cast<S>((1 - momentum) * static_cast<double>(running) + momentum * now);
    };
    blend(tensors_.running_mean.value[c], all.mean + bias);
    blend(tensors_.running_variance.value[c], all.squared_deviations / (all.count - 1));
  }

  void normalize_backward(Index c, Index batch) {
    normalization_sums sums;
    const S mean = tensors_.normalizes() ? mean_[index(c)] : S(0);
    for (Index n = 0; n < batch; ++n)
      sums += normalization_sums_of(raw_.data() + at(n, c), mean,
                                    before_gradient_.data() + at(n, c), plane());
    if (tensors_.bias.gradient != nullptr)  // a normalisation takes a bias out again
      tensors_.bias.gradient[c] = tensors_.normalizes() ? S(0) : static_cast<S>(sums.gradient);
    if (!tensors_.normalizes()) return;
    const double count = static_cast<double>(batch * plane());
    const double inverse = static_cast<double>(inverse_[index(c)]);
    const double by = static_cast<double>(factor_[index(c)]);
    tensors_.shift.gradient[c] = static_cast<S>(sums.gradient);
    tensors_.scale.gradient[c] = static_cast<S>(sums.gradient_deviation * inverse);
    const S from_deviation =
        static_cast<S>(-by * inverse * inverse * sums.gradient_deviation / count);
    const S constant = static_cast<S>(-by * sums.gradient / count);
    for (Index n = 0; n < batch; ++n) {
      S* const d = before_gradient_.data() + at(n, c);
      normalization_backward(raw_.data() + at(n, c), mean, d, factor_[index(c)], from_deviation,
                             constant, false, d, plane());
    }
  }

  parameters tensors_;
  bool relu_;
  direct_convolution<S> full_;
  std::vector<typename gated_convolution<S>::workspace> work_;  // of each worker
  std::vector<std::vector<S>> scratch_;                         // of each worker
  std::vector<executed_work> runs_;                             // of each shard
  std::vector<S> weight_shares_;                                // of the shards but the first
  std::vector<S> gate_scratch_;
  std::vector<S> raw_, before_, before_gradient_;  // of a training batch
  std::vector<S> mean_, inverse_, factor_, offset_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
