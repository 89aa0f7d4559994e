// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/gated_tensor.hpp>

#include <Eigen/Core>

#include <vector>  // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Open multiply-adds of a batch, and how their share grows when a channel opens. Of a convolution
/// in groups they are estimated as if every group were as open as the whole.
template <class S>
class open_work {
 public:
  /// A layer; `pair_macs`: of the values under one flag of the input and one output channel.
  void add(const gated_tensor<S>& in, const gated_tensor<S>& out, double pair_macs) {
    layers_.push_back({&in, &out, pair_macs});
  }
  void count(Index batch) {
    for (const reader& r : layers_) {
      const double whole = r.pair_macs * inputs_of(r) * outputs_of(r);
      all_ += whole * static_cast<double>(batch);
      for (Index n = 0; n < batch; ++n) open_ += whole * r.in->open_share(n) * r.out->open_share(n);
    }
  }

  [[nodiscard]] double share() const noexcept { return all_ == 0 ? 1 : open_ / all_; }
  /// Derivative of `share` by the openness of one channel of `gated` in sample n.
  [[nodiscard]] double by_opening(const gated_tensor<S>& gated, Index n) const noexcept {
    double macs = 0;
    for (const reader& r : layers_) {
      if (r.out == &gated) macs += r.pair_macs * inputs_of(r) * r.in->open_share(n);
      if (r.in->open == &gated.flags) macs += r.pair_macs * outputs_of(r) * r.out->open_share(n);
    }
    return macs / all_;
  }

 private:
  struct reader {
    const gated_tensor<S>*in, *out;
    double pair_macs;
  };
  [[nodiscard]] static double inputs_of(const reader& r) noexcept {
    return static_cast<double>(r.in->open == nullptr ? r.in->shape.channels : r.in->flagged);
  }
  [[nodiscard]] static double outputs_of(const reader& r) noexcept {
    return static_cast<double>(r.out->shape.channels);
  }

  std::vector<reader> layers_;
  double open_ = 0, all_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
