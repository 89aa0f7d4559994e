// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>

#include <algorithm>  // std::copy
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Copies of weights that are put back, bit for bit, by restore() and at the end of the scope,
/// whatever happened in between.
template <weight_scalar S>
class restored_weights {
 public:
  restored_weights() = default;
  restored_weights(const restored_weights&) = delete;
  restored_weights& operator=(const restored_weights&) = delete;
  ~restored_weights() { restore(); }

  void keep(weight_view<S> weight) {
    saved_.push_back({weight, {weight.data, weight.data + weight.size()}});
  }
  /// What was kept first comes last, so that a weight that was kept twice is as it was at first.
  void restore() const noexcept {
    for (auto e = saved_.rbegin(); e != saved_.rend(); ++e)
      std::copy(e->values.begin(), e->values.end(), e->weight.data);
  }
  /// All went well: nothing is put back any more.
  void release() noexcept { saved_.clear(); }

 private:
  struct entry {
    weight_view<S> weight;
    std::vector<S> values;
  };
  std::vector<entry> saved_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
