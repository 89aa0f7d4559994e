// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/gate_layer.hpp>

#include <Eigen/Core>

#include <vector>  // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Open multiply-adds of a batch, and how their share grows when a channel opens. Of a convolution
/// in groups they are estimated as if every group were as open as the whole.
class open_work {
 public:
  /// A layer: which of its inputs and outputs are open (null: all), and its multiply-adds.
  struct reader {
    const open_flags *in, *out;
    double inputs, outputs;  ///< that have a flag each
    double pair_macs;        ///< of one of the inputs and one of the outputs
  };

  void add(const reader& layer) { layers_.push_back(layer); }
  void count(Index batch) {
    all_ = open_ = 0;
    for (const reader& r : layers_) {
      const double whole = r.pair_macs * r.inputs * r.outputs;
      all_ += whole * static_cast<double>(batch);
      for (Index n = 0; n < batch; ++n)
        open_ += whole * open_flags::share(r.in, n) * open_flags::share(r.out, n);
    }
  }

  [[nodiscard]] double share() const noexcept { return all_ == 0 ? 1 : open_ / all_; }
  /// Derivative of `share` by the openness of one channel of a gate in sample n.
  [[nodiscard]] double by_opening(const open_flags& gate, Index n) const noexcept {
    double macs = 0;
    for (const reader& r : layers_) {
      if (r.out == &gate) macs += r.pair_macs * r.inputs * open_flags::share(r.in, n);
      if (r.in == &gate) macs += r.pair_macs * r.outputs * open_flags::share(r.out, n);
    }
    return macs / all_;
  }

 private:
  std::vector<reader> layers_;
  double open_ = 0, all_ = 0;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
