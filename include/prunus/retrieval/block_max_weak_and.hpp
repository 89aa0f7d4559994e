// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/detail/sorted_lists.hpp>
#include <prunus/retrieval/document_at_a_time.hpp>
#include <prunus/selection/top_k.hpp>

#include <algorithm>  // std::max, std::min
#include <concepts>   // std::same_as
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// A list in blocks, each with a bound of its own. `block_bound(document)` is at least 0 and at
/// least the contribution to that document and every other up to `block_end()`, which it sets: the
/// last document of the block that `document` falls into, no_document where the list ends before.
/// Documents are asked for in ascending order, not before `document()`, and the list stays where it
/// stands.
///
/// @source S. Ding, T. Suel 2011, 10.1145/2009916.2010048
template <class L>
concept block_list = document_list<L> && requires(L& list, const L& constant, Index document) {
  { list.block_bound(document) } -> std::same_as<double>;
  { constant.block_end() } -> std::same_as<Index>;
};

/// Block-max WAND: before the pivot that WAND found is scored, the bounds of the blocks in which it
/// lies must beat the threshold too; if they do not, everything up to the first end of these blocks
/// is passed over. Same result as `exhaustive`, to the last bit and with ties.
/// @shape lists: any number, in the order in which contributions are added
/// Cost: as weak_and, and one bound for each block that is looked at; allocates once.
/// @source S. Ding, T. Suel, "Faster top-k document retrieval using block-max indexes", SIGIR 2011,
/// 10.1145/2009916.2010048; blocks bounded without a weighting: C. Macdonald, N. Tonellotto,
/// ICTIR 2017
/// @deviation of the lists up to the pivot the one with the largest bound moves (our reading)
struct block_max_weak_and {
  template <block_list List>
  void operator()(std::span<List> lists, top_k& best, evaluation_statistics& statistics) const {
    detail::sorted_lists<List> order(lists, statistics);
    for (std::size_t pivot; (pivot = order.find_pivot(best)) < order.size();) {
      const Index document = order[pivot].document;
      while (pivot + 1 < order.size() && order[pivot + 1].document == document) ++pivot;
      if (!blocks_can_enter(lists, order, pivot, best))
        pass_blocks(order, pivot);
      else if (order[0].document == document)
        best.push(document, order.score());
      else
        order.jump(pivot);
    }
  }

 private:
  template <class List>
  [[nodiscard]] static bool blocks_can_enter(std::span<List> lists,
                                             detail::sorted_lists<List>& order, std::size_t pivot,
                                             const top_k& best) {
    const Index document = order[pivot].document;
    double sum = 0;
    for (std::size_t i = 0; i <= pivot; ++i) sum += order.list(i).block_bound(document);
    return detail::can_enter(sum, sum, lists.size(), best.threshold(), [&] {
      double exact = 0;
      for (List& list : lists)
        if (list.document() <= document) exact += list.block_bound(document);
      return exact;
    });
  }

  /// No document of the lists up to the pivot enters before one of their blocks ends or another
  /// list begins.
  template <class List>
  static void pass_blocks(detail::sorted_lists<List>& order, std::size_t pivot) {
    Index last = no_document;
    std::size_t largest = 0;
    for (std::size_t i = 0; i <= pivot; ++i) {
      last = std::min(last, order.list(i).block_end());
      if (order[i].upper_bound > order[largest].upper_bound) largest = i;
    }
    Index next = last == no_document ? no_document : last + 1;
    if (pivot + 1 < order.size()) next = std::min(next, order[pivot + 1].document);
    order.seek(largest, next);
  }
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
