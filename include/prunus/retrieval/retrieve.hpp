// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/retrieval/document_at_a_time.hpp>
#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/postings.hpp>
#include <prunus/retrieval/term_weighting.hpp>
#include <prunus/retrieval/upper_bound.hpp>
#include <prunus/retrieval/weak_and.hpp>
#include <prunus/selection/top_k.hpp>

#include <algorithm>  // std::clamp, std::max
#include <cstddef>    // std::size_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// A term of a query and how often it occurs there.
struct query_term {
  Index term = 0;
  Index frequency = 1;
};

/// The postings of a term of the query with their weights; a document_list, and a block_list whose
/// bounds are approximated from the frequencies and lengths of each block.
///
/// @shape one list a term
template <class TermWeight>
class weighted_postings {
 public:
  weighted_postings(const inverted_index& index, Index term, const TermWeight& weight,
                    double query_factor, double upper_bound)
      : cursor_(index.postings(term)),
        index_(&index),
        list_(&index.postings(term)),
        blocks_(index.blocks(term)),
        domain_(detail::domain_of(index, term)),
        weight_(weight),
        query_factor_(query_factor),
        upper_bound_(std::max(0.0, query_factor * upper_bound)) {}

  [[nodiscard]] Index document() const noexcept { return cursor_.document(); }
  [[nodiscard]] double upper_bound() const noexcept { return upper_bound_; }
  [[nodiscard]] double score() {
    return detail::contribution(weight_, query_factor_, cursor_.frequency(),
                                index_->length(document()));
  }
  void next() { cursor_.next(); }
  void seek(Index document) { cursor_.seek(document); }

  [[nodiscard]] double block_bound(Index document) {
    const std::size_t block = list_->block_of(document, block_ == none ? 0 : block_);
    if (block == block_) return block_bound_;
    block_ = block;
    block_bound_ = 0;
    if (block < blocks_.size())
      block_bound_ = std::clamp(query_factor_ * detail::rounded_up(weight_.upper_bound(
                                                    detail::narrowed(domain_, blocks_[block]))),
                                0.0, upper_bound_);
    return block_bound_;
  }
  [[nodiscard]] Index block_end() const noexcept {
    return block_ < blocks_.size() ? list_->last_of_block(block_) : no_document;
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  posting_cursor cursor_;
  const inverted_index* index_;
  const posting_list* list_;
  std::span<const frequency_class> blocks_;
  weight_domain domain_;
  std::size_t block_ = none;
  double block_bound_ = 0;
  TermWeight weight_;
  double query_factor_;
  double upper_bound_;
};

/// The k best documents for a query, best first, of equal ones the lower first. Documents without
/// any term of the query are not among them, so there may be fewer.
///
///     retrieve(index, prunus::retrieval::bm25{}, query, 10)
///     retrieve(index, weighting, query, 10, prunus::retrieval::max_score{}, exact, &statistics)
///
/// @param query its terms, each once
/// @param k at least 1
/// @param strategy exhaustive, weak_and, block_max_weak_and or max_score; they differ in what they
/// skip, not in the
///        result, to the last bit
/// @param bounds approximated_bounds, exact_bounds of this weighting, or limit_bounds
/// @param statistics what was done is added there
/// @throws argument_error (out_of_range: an unknown term, a frequency below 1, k; duplicate_name: a
///         term twice; unsupported: exact bounds of another weighting)
/// Cost: allocates about a kilobyte a term; no state is kept, several threads may ask one index.
/// @source Macdonald, Ounis, Tonellotto 2011, 10.1145/2037661.2037662
template <term_weighting Weighting, class Strategy = weak_and, class Bounds = approximated_bounds>
std::vector<ranked_item> retrieve(const inverted_index& index, const Weighting& weighting,
                                  std::span<const query_term> query, Index k,
                                  const Strategy& strategy = {}, const Bounds& bounds = {},
                                  evaluation_statistics* statistics = nullptr) {
  using term_weight = decltype(weighting.for_term(term_statistics{}, collection_statistics{}));
  static_assert(document_list<weighted_postings<term_weight>>);
  std::vector<weighted_postings<term_weight>> lists;
  lists.reserve(query.size());
  evaluation_statistics counts;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const query_term& t = query[i];
    if (t.frequency < 1)
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("retrieve: term ", t.term, " has frequency ", t.frequency,
                                 " in the query, expected at least 1"));
    for (std::size_t before = 0; before < i; ++before)
      if (query[before].term == t.term)
        throw argument_error(errc::duplicate_name,
                             prunus::detail::concat("retrieve: term ", t.term,
                                                    " is in the query twice; "
                                                    "name it once, with its frequency"));
    const Index postings = index.postings(t.term).size();
    if (postings == 0) continue;
    counts.postings += postings;
    const term_weight weight = weighting.for_term(index.statistics(t.term), index.collection());
    lists.emplace_back(index, t.term, weight,
                       weighting.query_factor(static_cast<double>(t.frequency)),
                       bounds(index, weighting, t.term, weight));
  }
  top_k best(k);
  strategy(std::span(lists), best, counts);
  if (statistics != nullptr) *statistics += counts;
  return std::move(best).sorted();
}

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
