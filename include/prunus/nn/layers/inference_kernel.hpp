// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <concepts>  // std::floating_point

namespace prunus {
inline namespace v0 {
namespace nn {

/// Computes a convolution or a linear layer at inference in place of the network's own kernel, with
/// weights of its own; see `network::set_inference_kernel`.
template <std::floating_point S>
class inference_kernel {
 public:
  virtual ~inference_kernel() = default;
  /// Numbers of scratch memory that `forward` needs.
  [[nodiscard]] virtual Index scratch_size() const noexcept = 0;
  /// y = epilogue(layer(x)). The epilogue holds what the network has folded into the layer: its
  /// bias, a batch normalisation and a rectifier that follow.
  /// @pre x: samples x inputs, y: samples x outputs, not overlapping; scratch: scratch_size()
  ///      numbers, the calling thread's own
  virtual void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples,
                       S* scratch) const noexcept = 0;

 protected:
  inference_kernel() = default;
  inference_kernel(const inference_kernel&) = default;
  inference_kernel& operator=(const inference_kernel&) = default;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
