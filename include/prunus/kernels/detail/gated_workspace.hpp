// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>

#include <memory>   // std::unique_ptr
#include <new>      // std::bad_alloc
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// Memory of one caller of a dispatched gated layer, which alone can make it.
template <class Layer>
class gated_workspace {
  friend Layer;

  explicit gated_workspace(std::unique_ptr<compiled_workspace> work) : work_(std::move(work)) {
    if (work_ == nullptr) throw std::bad_alloc();
  }
  [[nodiscard]] compiled_workspace& memory() const noexcept { return *work_; }

  std::unique_ptr<compiled_workspace> work_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
