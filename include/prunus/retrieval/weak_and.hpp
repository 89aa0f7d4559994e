// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/detail/sorted_lists.hpp>
#include <prunus/retrieval/document_at_a_time.hpp>
#include <prunus/selection/top_k.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {
namespace retrieval {

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
    detail::sorted_lists<List> order(lists, statistics);
    for (std::size_t pivot; (pivot = order.find_pivot(best)) < order.size();) {
      const Index document = order[pivot].document;
      if (order[0].document == document)
        best.push(document, order.score());
      else
        order.jump(pivot);
    }
  }
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
