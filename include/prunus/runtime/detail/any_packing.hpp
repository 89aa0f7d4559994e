// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/packing_format.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <cstdint>  // std::int32_t
#include <memory>   // std::make_shared, std::shared_ptr
#include <span>     // std::span
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// A `packing` without its type. Calls are few: each computes a strip of the outputs, or a sample.
template <class S>
struct any_packing {
  virtual ~any_packing() = default;
  [[nodiscard]] virtual Index size() const noexcept = 0;
  [[nodiscard]] virtual Index bytes() const noexcept = 0;
  [[nodiscard]] virtual Index panels() const noexcept = 0;
  [[nodiscard]] virtual std::span<const std::int32_t> rows(Index first,
                                                           Index last) const noexcept = 0;
  virtual void multiply(const S* lines, Index line_pitch, Index positions,
                        const channel_epilogue<S>& epilogue, S* out, Index pitch, Index first,
                        Index last) const noexcept = 0;
  virtual void multiply(const S* x, S* y) const noexcept = 0;
};

template <class S, packing<S> P>
struct erased_packing final : any_packing<S> {
  explicit erased_packing(P weights) : packed(std::move(weights)) {}
  [[nodiscard]] Index size() const noexcept override { return packed.size(); }
  [[nodiscard]] Index bytes() const noexcept override { return packed.bytes(); }
  [[nodiscard]] Index panels() const noexcept override { return packed.panels(); }
  [[nodiscard]] std::span<const std::int32_t> rows(Index first,
                                                   Index last) const noexcept override {
    return packed.rows(first, last);
  }
  void multiply(const S* lines, Index line_pitch, Index positions,
                const channel_epilogue<S>& epilogue, S* out, Index pitch, Index first,
                Index last) const noexcept override {
    packed.multiply(lines, line_pitch, positions, epilogue, out, pitch, first, last);
  }
  void multiply(const S* x, S* y) const noexcept override { packed.multiply(x, y); }
  P packed;
};

/// Shared by the copies of a layer: what is packed never changes.
template <class S, packing<S> P>
[[nodiscard]] std::shared_ptr<const any_packing<S>> erase(P packed) {
  return std::make_shared<erased_packing<S, P>>(std::move(packed));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
