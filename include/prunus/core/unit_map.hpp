// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <algorithm>         // std::equal
#include <cstddef>           // std::size_t
#include <initializer_list>  // std::initializer_list
#include <memory>            // std::shared_ptr
#include <utility>           // std::move
#include <vector>            // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// The unit of every position along an axis. It never changes, so copies share it: a copy is a
/// pointer, however wide the layer.
class unit_map {
 public:
  unit_map() = default;
  // NOLINTBEGIN(google-explicit-constructor): a list of units is a map
  unit_map(std::vector<Index> units)
      : units_(std::make_shared<const std::vector<Index>>(std::move(units))) {}
  unit_map(std::initializer_list<Index> units) : unit_map(std::vector<Index>(units)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] std::size_t size() const noexcept { return units_ == nullptr ? 0 : units_->size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] Index operator[](std::size_t position) const noexcept {
    return (*units_)[position];
  }
  [[nodiscard]] const Index* begin() const noexcept {
    return units_ == nullptr ? nullptr : units_->data();
  }
  [[nodiscard]] const Index* end() const noexcept { return begin() + size(); }

  friend bool operator==(const unit_map& a, const unit_map& b) noexcept {
    return a.units_ == b.units_ || std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::shared_ptr<const std::vector<Index>> units_;
};

}  // namespace v0
}  // namespace prunus
