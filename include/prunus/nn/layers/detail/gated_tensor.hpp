// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The result of a node for a batch, its gradient, and which channels of it are open.
template <class S>
struct gated_tensor {
  tensor_shape shape;
  bool has_gradient = true;  ///< the images have none
  std::vector<S> value, gradient;
  std::vector<std::uint8_t> flags;                  ///< batch x gated channels, if a gate is here
  const std::vector<std::uint8_t>* open = nullptr;  ///< whose flags hold here; null: all open
  Index flagged = 0;                                ///< channels that have flags, each of a sample

  void reserve(Index batch) {
    const std::size_t size = static_cast<std::size_t>(batch * shape.size());
    if (value.size() < size) value.resize(size);
    if (has_gradient && gradient.size() < size) gradient.resize(size);
  }
  /// Takes over the openness of what it is computed from.
  void follow(const gated_tensor& from) noexcept {
    open = from.open;
    flagged = from.flagged;
  }
  [[nodiscard]] const std::uint8_t* open_of(Index n) const noexcept {
    return open == nullptr ? nullptr : open->data() + n * flagged;
  }
  [[nodiscard]] S* value_of(Index n) noexcept { return value.data() + n * shape.size(); }
  [[nodiscard]] const S* value_of(Index n) const noexcept {
    return value.data() + n * shape.size();
  }
  [[nodiscard]] S* gradient_of(Index n) noexcept {
    return has_gradient ? gradient.data() + n * shape.size() : nullptr;
  }
  /// Values that share a flag.
  [[nodiscard]] Index plane() const noexcept {
    return open == nullptr ? shape.plane() : shape.size() / flagged;
  }
  /// Share of sample `n` that is open.
  [[nodiscard]] double open_share(Index n) const noexcept {
    if (open == nullptr) return 1;
    Index count = 0;
    for (Index c = 0; c < flagged; ++c) count += open_of(n)[c] != 0 ? 1 : 0;
    return static_cast<double>(count) / static_cast<double>(flagged);
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
