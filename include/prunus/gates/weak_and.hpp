// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/gates/document_at_a_time.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <utility>  // std::swap
#include <vector>   // std::vector

namespace prunus::inline v0 {

/// WAND: jumps to the first document that the lists up to it could lift above the threshold.
///
/// The lists are kept sorted by where they stand. The bounds of the lists that stand at or before a
/// document sum to a bound of its score; the first document whose bound beats the threshold is the
/// pivot, and nothing before it can enter. Same result as `exhaustive`, to the last bit and with
/// ties.
/// @shape lists: any number, in the order in which contributions are added
/// Cost: O(lists) for a pivot; allocates once.
/// @source A. Broder, D. Carmel, M. Herscovici, A. Soffer, J. Zien, "Efficient query evaluation
/// using a two-level retrieval process", CIKM 2003, 10.1145/956863.956944
/// @deviation among the lists before the pivot the one nearest to it jumps
struct weak_and {
  template <document_list List>
  void operator()(std::span<List> lists, top_k& best, evaluation_statistics& statistics) const {
    std::vector<place> order;
    order.reserve(lists.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      order.push_back({lists[i].document(), i, lists[i].upper_bound()});
      settle(order, i);
    }
    for (std::size_t pivot; (pivot = find_pivot(lists, order, best)) < order.size();) {
      const Index document = order[pivot].document;
      if (order.front().document == document)
        best.push(document, score(lists, order, statistics));
      else
        jump(lists, order, pivot, statistics);
    }
  }

 private:
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

  /// Moves a place down among the sorted ones before it.
  static void settle(std::vector<place>& order, std::size_t i) {
    for (; i > 0 && order[i] < order[i - 1]; --i) std::swap(order[i], order[i - 1]);
  }
  /// Moves a place up among the sorted ones behind it.
  static void rise(std::vector<place>& order, std::size_t i) {
    for (; i + 1 < order.size() && order[i + 1] < order[i]; ++i) std::swap(order[i], order[i + 1]);
  }

  /// The first place whose document may enter, or the number of lists.
  template <class List>
  [[nodiscard]] static std::size_t find_pivot(std::span<List> lists,
                                              const std::vector<place>& order, const top_k& best) {
    double sum = 0;
    for (std::size_t i = 0; i < order.size() && order[i].document != no_document; ++i) {
      sum += order[i].upper_bound;
      const auto in_order = [&] {
        double exact = 0;
        for (const List& list : lists)
          if (list.document() <= order[i].document) exact += list.upper_bound();
        return exact;
      };
      if (detail::can_enter(sum, sum, lists.size(), best.threshold(), in_order)) return i;
    }
    return order.size();
  }

  /// Scores the document at which the first places stand and takes their lists one further.
  template <class List>
  [[nodiscard]] static double score(std::span<List> lists, std::vector<place>& order,
                                    evaluation_statistics& statistics) {
    const Index document = order.front().document;
    double sum = 0;
    std::size_t moved = 0;
    for (; moved < order.size() && order[moved].document == document; ++moved) {
      List& list = lists[order[moved].list];
      sum += list.score();
      list.next();
      order[moved].document = list.document();
    }
    while (moved-- > 0) {
      rise(order, moved);
      ++statistics.postings_scored;
    }
    ++statistics.documents_scored;
    return sum;
  }

  /// Takes the last list before the pivot to it.
  template <class List>
  static void jump(std::span<List> lists, std::vector<place>& order, std::size_t pivot,
                   evaluation_statistics& statistics) {
    const Index document = order[pivot].document;
    while (order[pivot].document == document) --pivot;
    List& list = lists[order[pivot].list];
    list.seek(document);
    order[pivot].document = list.document();
    rise(order, pivot);
    ++statistics.seeks;
  }
};

}  // namespace prunus::inline v0
