// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::pop_heap, std::push_heap, std::sort
#include <limits>     // std::numeric_limits
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// A document or an output unit, and its score.
struct ranked_item {
  Index item = 0;
  double score = 0;
  friend bool operator==(const ranked_item&, const ranked_item&) = default;
};

/// The k best of a stream of items and the score that the next one has to beat. Of equal scores the
/// lower item is the better one.
///
/// The threshold only rises. As long as there are fewer than k items it is -infinity; then it is
/// the k-th best score, which an item that comes later, and is therefore higher, must exceed. Cost:
/// O(log k) for an item that enters; memory grows with the items that did, up to k.
class top_k {
 public:
  /// @param k at least 1
  /// @throws argument_error (out_of_range)
  explicit top_k(Index k) : k_(static_cast<std::size_t>(k)) {
    if (k < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("top_k: ", k, " items, expected at least 1"));
  }

  /// Offers an item, each once. NaN never enters.
  /// @returns whether it is among the k best so far
  bool push(Index item, double score) {
    const ranked_item offered{item, score};
    if (heap_.size() == k_) {
      if (!better(offered, heap_.front())) return false;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = offered;
    } else {
      if (score != score) return false;
      heap_.push_back(offered);
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
    if (heap_.size() == k_) threshold_ = heap_.front().score;
    return true;
  }

  /// Whether an item higher than all so far, with that score or bounded by it, would be let in.
  [[nodiscard]] bool enters(double score) const noexcept { return score > threshold_; }
  [[nodiscard]] double threshold() const noexcept { return threshold_; }

  /// The items, best first; the queue is used up.
  [[nodiscard]] std::vector<ranked_item> sorted() && {
    std::sort(heap_.begin(), heap_.end(), better);
    return std::move(heap_);
  }

 private:
  [[nodiscard]] static bool better(const ranked_item& a, const ranked_item& b) noexcept {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  }

  std::size_t k_;
  double threshold_ = -std::numeric_limits<double>::infinity();
  std::vector<ranked_item> heap_;  // the worst in front
};

}  // namespace v0
}  // namespace prunus
