// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>

#include <algorithm>  // std::min

namespace prunus {
inline namespace v0 {

/// The values of a parameter, whatever its scalar type and memory order.
class tensor_reader {
 public:
  virtual ~tensor_reader() = default;

  [[nodiscard]] virtual Index extent(axis a) const noexcept = 0;
  [[nodiscard]] virtual double operator()(Index out, Index in = 0, Index y = 0,
                                          Index x = 0) const noexcept = 0;
  /// Of all positions of one out and one in: whether they are zero (a NaN is not), and their sum.
  [[nodiscard]] virtual bool kernel_is_zero(Index out, Index in) const noexcept = 0;
  [[nodiscard]] virtual double kernel_sum(Index out, Index in) const noexcept = 0;
  /// Whether all weights of one output are known to be zero: they are, and lie together in memory.
  [[nodiscard]] virtual bool output_is_zero(Index out) const noexcept = 0;

 protected:
  tensor_reader() = default;
  tensor_reader(const tensor_reader&) = default;
  tensor_reader& operator=(const tensor_reader&) = default;
};

namespace detail {

template <class S>
[[nodiscard]] double kernel_sum(const weight_view<const S>& w, Index out, Index in) noexcept {
  double sum = 0;
  for (Index y = 0; y < w.extent(axis::height); ++y)
    for (Index x = 0; x < w.extent(axis::width); ++x) sum += static_cast<double>(w(out, in, y, x));
  return sum;
}

template <weight_scalar S>
class view_reader final : public tensor_reader {
 public:
  explicit view_reader(const weight_view<const S>& weight) : w_(weight) {}

  [[nodiscard]] Index extent(axis a) const noexcept override { return w_.extent(a); }
  [[nodiscard]] double operator()(Index out, Index in, Index y, Index x) const noexcept override {
    return static_cast<double>(w_(out, in, y, x));
  }
  [[nodiscard]] bool kernel_is_zero(Index out, Index in) const noexcept override {
    for (Index y = 0; y < w_.extent(axis::height); ++y)
      for (Index x = 0; x < w_.extent(axis::width); ++x)
        if (!(w_(out, in, y, x) == S(0))) return false;
    return true;
  }
  [[nodiscard]] double kernel_sum(Index out, Index in) const noexcept override {
    return detail::kernel_sum<S>(w_, out, in);
  }
  [[nodiscard]] bool output_is_zero(Index out) const noexcept override {
    constexpr Index together = 256;
    const Index size = w_.stride(axis::out);
    if (size * w_.extent(axis::out) != w_.size()) return false;
    const S* const first = w_.data + out * size;
    if (!(first[0] == S(0))) return false;
    for (Index begin = 0; begin < size; begin += together) {
      const Index end = std::min(begin + together, size);
      int others = 0;
      for (Index i = begin; i < end; ++i) others += first[i] == S(0) ? 0 : 1;
      if (others != 0) return false;
    }
    return true;
  }

 private:
  weight_view<const S> w_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
