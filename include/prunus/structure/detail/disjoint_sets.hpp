// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstddef>  // std::size_t
#include <utility>  // std::swap
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// Union-find in which the smallest member stands for its set.
class disjoint_sets {
 public:
  Index add() {
    parent_.push_back(static_cast<Index>(parent_.size()));
    return parent_.back();
  }
  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(parent_.size()); }
  [[nodiscard]] Index find(Index x) noexcept {
    while (parent_[at(x)] != x) x = parent_[at(x)] = parent_[at(parent_[at(x)])];
    return x;
  }
  void unite(Index a, Index b) noexcept {
    a = find(a), b = find(b);
    if (b < a) std::swap(a, b);
    parent_[at(b)] = a;
  }

 private:
  static constexpr std::size_t at(Index x) noexcept { return static_cast<std::size_t>(x); }
  std::vector<Index> parent_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
