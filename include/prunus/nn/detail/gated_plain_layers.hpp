// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/detail/gated_convolution_layer.hpp>
#include <prunus/nn/detail/gated_tensor.hpp>
#include <prunus/runtime/gated_dense.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/pooling.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n
#include <cstddef>    // std::size_t
#include <vector>     // std::vector

namespace prunus::inline v0 {
namespace detail {

// The layers of a gated network that have no gate. Backwards they add to the gradient of what they
// read; they feel no pressure of a gate.

/// Leaves out closed inputs at inference.
template <class S>
struct gated_dense_layer {
  gated_tensor<S>* in;
  gated_tensor<S>* out;
  borrowed_parameter<S> weight, bias;
  gated_dense<S> fast;
  typename gated_dense<S>::workspace work_memory;
  gated_run work;
  std::vector<S> scratch, input_gradient;

  gated_dense_layer(gated_tensor<S>& from, gated_tensor<S>& to, const borrowed_parameter<S>& w,
                    const borrowed_parameter<S>& b)
      : in(&from),
        out(&to),
        weight(w),
        bias(b),
        fast({from.shape.size(), to.shape.size()}, from.plane()),
        work_memory(fast.make_workspace()),
        scratch(static_cast<std::size_t>(dense_scratch_size<S>(fast.shape()))) {}

  void reserve(Index batch, bool training) {
    const std::size_t size = static_cast<std::size_t>(batch * fast.shape().in);
    if (training && input_gradient.size() < size) input_gradient.resize(size);
  }
  void infer(Index batch) {
    work += fast.forward(in->value.data(), weight.value, bias.value, false, out->value.data(),
                         batch, {.inputs = in->open_of(0)}, work_memory);
  }
  void train(Index batch) {
    dense_forward(fast.shape(), in->value.data(), weight.value, bias.value, false,
                  out->value.data(), batch, scratch.data());
  }
  template <class PressureOf>
  void backward(Index batch, const PressureOf&) {
    dense_weight_gradient(fast.shape(), in->value.data(), out->gradient.data(), weight.gradient,
                          bias.gradient, batch, Index{0}, fast.shape().out);
    if (!in->has_gradient) return;
    dense_input_gradient(fast.shape(), out->gradient.data(), weight.value, input_gradient.data(),
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

  void reserve(Index, bool) {}
  void infer(Index batch) {
    const Index channels = in->shape.channels;
    for (Index n = 0; n < batch; ++n)
      for (Index c = 0; c < channels; ++c) {
        S* const y = out->value_of(n) + c * shape.out_plane();
        if (in->open_of(n) != nullptr && in->open_of(n)[c] == 0)
          std::fill_n(y, shape.out_plane(), S(0));
        else
          pool(in->value_of(n) + c * shape.in_plane(), y, 1);
      }
  }
  void train(Index batch) { pool(in->value.data(), out->value.data(), batch * in->shape.channels); }
  template <class PressureOf>
  void backward(Index batch, const PressureOf&) {
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

  void reserve(Index, bool) {}
  void infer(Index batch) {
    const Index size = batch * out->shape.size();
    std::copy_n(in.front()->value.data(), size, out->value.data());
    for (std::size_t k = 1; k < in.size(); ++k)
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i)
        out->value[i] += in[k]->value[i];
  }
  void train(Index batch) { infer(batch); }
  template <class PressureOf>
  void backward(Index batch, const PressureOf&) {
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

  void reserve(Index, bool) {}
  void infer(Index batch) {
    const std::size_t size = static_cast<std::size_t>(batch * out->shape.size());
    for (std::size_t i = 0; i < size; ++i) {
      const S x = in->value[i];
      out->value[i] = relu && x < 0 ? S(0) : x;
    }
  }
  void train(Index batch) { infer(batch); }
  template <class PressureOf>
  void backward(Index batch, const PressureOf&) {
    const std::size_t size = static_cast<std::size_t>(batch * out->shape.size());
    for (std::size_t i = 0; in->has_gradient && i < size; ++i)
      if (!relu || in->value[i] > 0) in->gradient[i] += out->gradient[i];
  }
};

}  // namespace detail
}  // namespace prunus::inline v0
