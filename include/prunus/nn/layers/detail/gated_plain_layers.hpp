// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/gated_convolution_layer.hpp>
#include <prunus/nn/layers/detail/gated_tensor.hpp>
#include <prunus/nn/layers/detail/sample_shards.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/pooling.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n
#include <cstddef>    // std::size_t, std::ssize
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

// The layers of a gated network that have no gate. Backwards they add to the gradient of what they
// read; they feel no pressure of a gate.

/// Leaves out closed inputs at inference.
template <class S>
struct gated_linear_layer {
  gated_tensor<S>* in;
  gated_tensor<S>* out;
  borrowed_parameter<S> weight, bias;
  gated_linear<S> fast;
  std::vector<typename gated_linear<S>::workspace> work_memory;  // of each worker
  std::vector<executed_work> runs;                               // of each shard
  executed_work work;
  std::vector<S> scratch, input_gradient;

  gated_linear_layer(gated_tensor<S>& from, gated_tensor<S>& to, const borrowed_parameter<S>& w,
                     const borrowed_parameter<S>& b)
      : in(&from),
        out(&to),
        weight(w),
        bias(b),
        fast({from.shape.size(), to.shape.size()}, from.plane()),
        scratch(static_cast<std::size_t>(linear_scratch_size<S>(fast.shape()))) {}

  void prepare(Index batch, bool training, const sample_shards& shards) {
    const std::size_t size = static_cast<std::size_t>(batch * fast.shape().in);
    if (training && input_gradient.size() < size) input_gradient.resize(size);
    while (std::ssize(work_memory) < shards.threads()) work_memory.push_back(fast.make_workspace());
    runs.resize(static_cast<std::size_t>(shards.shards()));
  }
  void infer(const shard& of) {
    runs[static_cast<std::size_t>(of.number)] = fast.forward(
        in->value_of(of.begin), weight.value, bias.value, false, out->value_of(of.begin), of.size(),
        {.inputs = in->open_of(of.begin)}, work_memory[static_cast<std::size_t>(of.worker)]);
  }
  void record(Index, Index shards) {
    for (Index k = 0; k < shards; ++k) work += runs[static_cast<std::size_t>(k)];
  }
  void train(Index batch, sample_shards&) {
    linear_forward(fast.shape(), in->value.data(), weight.value, bias.value, false,
                   out->value.data(), batch, scratch.data());
  }
  template <class PressureOf>
  void backward(Index batch, sample_shards&, const PressureOf&) {
    linear_weight_gradient(fast.shape(), in->value.data(), out->gradient.data(), weight.gradient,
                           bias.gradient, batch, Index{0}, fast.shape().out);
    if (!in->has_gradient) return;
    linear_input_gradient(fast.shape(), out->gradient.data(), weight.value, input_gradient.data(),
                          batch);
    for (Index i = 0; i < batch * fast.shape().in; ++i)
      in->gradient[static_cast<std::size_t>(i)] += input_gradient[static_cast<std::size_t>(i)];
  }
};

/// Planes of closed channels are zero, and so is what is pooled of them.
template <class S>
struct gated_pooling_layer {
  gated_tensor<S>* in;
  gated_tensor<S>* out;
  pooling_shape shape;
  bool maximum;

  void prepare(Index, bool, const sample_shards&) {}
  void record(Index, Index) {}
  void infer(const shard& of) {
    const Index channels = in->shape.channels;
    for (Index n = of.begin; n < of.end; ++n)
      for (Index c = 0; c < channels; ++c) {
        S* const y = out->value_of(n) + c * shape.out_plane();
        if (in->open_of(n) != nullptr && in->open_of(n)[c] == 0)
          std::fill_n(y, shape.out_plane(), S(0));
        else
          pool(in->value_of(n) + c * shape.in_plane(), y, 1);
      }
  }
  void train(Index batch, sample_shards& shards) {
    shards.run(batch, [&](const shard& of) {
      pool(in->value_of(of.begin), out->value_of(of.begin), of.size() * in->shape.channels);
    });
  }
  template <class PressureOf>
  void backward(Index batch, sample_shards&, const PressureOf&) {
    if (!in->has_gradient) return;
    const Index planes = batch * in->shape.channels;
    if (maximum)
      max_pooling_backward(shape, in->value.data(), out->gradient.data(), true, in->gradient.data(),
                           planes);
    else
      average_pooling_backward(shape, out->gradient.data(), true, in->gradient.data(), planes);
  }

 private:
  void pool(const S* x, S* y, Index planes) const {
    if (maximum)
      max_pooling_forward(shape, x, y, planes);
    else
      average_pooling_forward(shape, x, y, planes);
  }
};

/// The sum of its inputs, all of whose channels count as open.
template <class S>
struct gated_sum_layer {
  std::vector<gated_tensor<S>*> in;
  gated_tensor<S>* out;

  void prepare(Index, bool, const sample_shards&) {}
  void record(Index, Index) {}
  void infer(const shard& of) {
    const Index size = of.size() * out->shape.size();
    S* const y = out->value_of(of.begin);
    std::copy_n(in.front()->value_of(of.begin), size, y);
    for (std::size_t k = 1; k < in.size(); ++k)
      for (Index i = 0; i < size; ++i) y[i] += in[k]->value_of(of.begin)[i];
  }
  void train(Index batch, sample_shards& shards) {
    shards.run(batch, [&](const shard& of) { infer(of); });
  }
  template <class PressureOf>
  void backward(Index batch, sample_shards&, const PressureOf&) {
    const std::size_t size = static_cast<std::size_t>(batch * out->shape.size());
    for (gated_tensor<S>* from : in)
      for (std::size_t i = 0; from->has_gradient && i < size; ++i)
        from->gradient[i] += out->gradient[i];
  }
};

/// The same numbers in another shape, or a rectifier that belongs to no convolution.
template <class S>
struct gated_copy_layer {
  gated_tensor<S>* in;
  gated_tensor<S>* out;
  bool relu;

  void prepare(Index, bool, const sample_shards&) {}
  void record(Index, Index) {}
  void infer(const shard& of) {
    const S* const x = in->value_of(of.begin);
    S* const y = out->value_of(of.begin);
    for (Index i = 0; i < of.size() * out->shape.size(); ++i) y[i] = relu && x[i] < 0 ? S(0) : x[i];
  }
  void train(Index batch, sample_shards& shards) {
    shards.run(batch, [&](const shard& of) { infer(of); });
  }
  template <class PressureOf>
  void backward(Index batch, sample_shards&, const PressureOf&) {
    const std::size_t size = static_cast<std::size_t>(batch * out->shape.size());
    for (std::size_t i = 0; in->has_gradient && i < size; ++i)
      if (!relu || in->value[i] > 0) in->gradient[i] += out->gradient[i];
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
