// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/document_at_a_time.hpp>
#include <prunus/selection/top_k.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <utility>  // std::swap
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {
namespace detail {

/// The lists of a query sorted by where they stand: what WAND and its kin work on.
template <class List>
class sorted_lists {
 public:
  /// Where a list stands. Sorted by document, then by list: lists at one document are then in the
  /// order in which contributions are added.
  struct place {
    Index document = 0;
    std::size_t list = 0;
    double upper_bound = 0;
    friend bool operator<(const place& a, const place& b) noexcept {
      return a.document < b.document || (a.document == b.document && a.list < b.list);
    }
  };

  sorted_lists(std::span<List> lists, evaluation_statistics& statistics)
      : lists_(lists), statistics_(statistics) {
    places_.reserve(lists.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      places_.push_back({lists[i].document(), i, lists[i].upper_bound()});
      for (std::size_t k = i; k > 0 && places_[k] < places_[k - 1]; --k)
        std::swap(places_[k], places_[k - 1]);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  [[nodiscard]] const place& operator[](std::size_t i) const noexcept { return places_[i]; }
  [[nodiscard]] List& list(std::size_t i) noexcept { return lists_[places_[i].list]; }

  /// The first place whose document may enter by the lists' bounds, or the number of lists.
  [[nodiscard]] std::size_t find_pivot(const top_k& best) const {
    double sum = 0;
    for (std::size_t i = 0; i < places_.size() && places_[i].document != no_document; ++i) {
      sum += places_[i].upper_bound;
      const auto in_order = [&] {
        double exact = 0;
        for (const List& list : lists_)
          if (list.document() <= places_[i].document) exact += list.upper_bound();
        return exact;
      };
      if (can_enter(sum, sum, lists_.size(), best.threshold(), in_order)) return i;
    }
    return places_.size();
  }

  /// Scores the document at which the first places stand and takes their lists one further.
  [[nodiscard]] double score() {
    const Index document = places_.front().document;
    double sum = 0;
    std::size_t moved = 0;
    for (; moved < places_.size() && places_[moved].document == document; ++moved) {
      List& at = list(moved);
      sum += at.score();
      at.next();
      places_[moved].document = at.document();
    }
    while (moved-- > 0) {
      rise(moved);
      ++statistics_.postings_scored;
    }
    ++statistics_.documents_scored;
    return sum;
  }

  /// Takes the last list that stands before the pivot to it.
  void jump(std::size_t pivot) {
    const Index document = places_[pivot].document;
    while (places_[pivot].document == document) --pivot;
    seek(pivot, document);
  }
  void seek(std::size_t i, Index document) {
    List& at = list(i);
    at.seek(document);
    places_[i].document = at.document();
    rise(i);
    ++statistics_.seeks;
  }

 private:
  /// Moves a place up among the sorted ones behind it.
  void rise(std::size_t i) {
    for (; i + 1 < places_.size() && places_[i + 1] < places_[i]; ++i)
      std::swap(places_[i], places_[i + 1]);
  }

  std::span<List> lists_;
  evaluation_statistics& statistics_;
  std::vector<place> places_;
};

}  // namespace detail
}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
