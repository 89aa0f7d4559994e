// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/postings.hpp>
#include <prunus/selection/top_k.hpp>

#include <algorithm>  // std::min
#include <concepts>   // std::same_as
#include <limits>     // std::numeric_limits
#include <span>       // std::span

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// What an evaluation did and what it left out.
struct evaluation_statistics {
  Index postings = 0;             ///< of the lists of the query
  Index postings_scored = 0;      ///< whose contribution was computed
  Index documents_scored = 0;     ///< whose score was computed
  Index documents_abandoned = 0;  ///< begun, then found unable to enter
  Index seeks = 0;                ///< jumps of a list to a document

  [[nodiscard]] Index postings_skipped() const noexcept { return postings - postings_scored; }
  evaluation_statistics& operator+=(const evaluation_statistics& other) noexcept {
    postings += other.postings;
    postings_scored += other.postings_scored;
    documents_scored += other.documents_scored;
    documents_abandoned += other.documents_abandoned;
    seeks += other.seeks;
    return *this;
  }
  friend bool operator==(const evaluation_statistics&, const evaluation_statistics&) = default;
};

/// A list of documents, ascending, each with what it adds to the score of its document.
///
/// `document()` is where it stands, no_document at the end; `next()` goes one further,
/// `seek(document)` to that document or the first behind it; `score()` is the contribution where it
/// stands; `upper_bound()` is constant, at least 0 and at least every contribution.
template <class L>
concept document_list = requires(L& list, const L& constant, Index document) {
  { constant.document() } -> std::same_as<Index>;
  { constant.upper_bound() } -> std::same_as<double>;
  { list.score() } -> std::same_as<double>;
  list.next();
  list.seek(document);
};

/// Scores every document of every list: the twin that skips nothing.
///
/// The contributions to a document are added in the order of the lists, here and in every other
/// evaluation: results that agree do so to the last bit.
/// @source document-at-a-time evaluation: H. Turtle, J. Flood, "Query evaluation: strategies and
/// optimizations", Information Processing & Management 31(6), 1995, 10.1016/0306-4573(95)00020-H
struct exhaustive {
  template <document_list List>
  void operator()(std::span<List> lists, top_k& best, evaluation_statistics& statistics) const {
    const auto first_document = [&] {
      Index first = no_document;
      for (const List& list : lists) first = std::min(first, list.document());
      return first;
    };
    for (Index at = first_document(), following; at != no_document; at = following) {
      double score = 0;
      following = no_document;
      for (List& list : lists) {
        if (list.document() == at) {
          score += list.score();
          list.next();
          ++statistics.postings_scored;
        }
        following = std::min(following, list.document());
      }
      best.push(at, score);
      ++statistics.documents_scored;
    }
  }
};

namespace detail {

/// Whether bounds can beat a threshold, without being misled by rounding.
///
/// Adding rounds monotonically: contributions that are not larger than their bounds do not add up
/// to more, if both are added in the same order. Sums in another order, `quick`, decide where they
/// are clear of the threshold; else `in_order()` adds again, in the order of the scores. So a
/// document whose bound ties with the threshold is skipped, and never one that would enter.
/// @param magnitude at least the sum of the absolute values that were added
template <class InOrder>
[[nodiscard]] bool can_enter(double quick, double magnitude, std::size_t terms, double threshold,
                             const InOrder& in_order) {
  const double rounding =
      4 * std::numeric_limits<double>::epsilon() * static_cast<double>(terms) * magnitude;
  if (quick - rounding > threshold) return true;
  if (quick + rounding <= threshold) return false;
  return in_order() > threshold;
}

}  // namespace detail
}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
