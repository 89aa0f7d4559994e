// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/term_weighting.hpp>

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <cstddef>    // std::size_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace retrieval {
namespace detail {

/// What a term adds to a score. The one copy of a weighting's machine code: inlined into several
/// places it might round differently, and a bound be the last bit below what it bounds.
template <class TermWeight>
[[gnu::noinline]] [[nodiscard]] double contribution(const TermWeight& weight, double query_factor,
                                                    Index frequency, Index length) {
  return query_factor * weight(static_cast<double>(frequency), static_cast<double>(length));
}

[[nodiscard]] inline weight_domain domain_of(const inverted_index& index, Index term) {
  const collection_statistics& all = index.collection();
  return {static_cast<double>(index.statistics(term).largest_frequency),
          static_cast<double>(all.shortest_length), static_cast<double>(all.longest_length)};
}

/// The same domain, of the postings of one class only.
[[nodiscard]] inline weight_domain narrowed(weight_domain domain, const frequency_class& of) {
  domain.smallest_frequency = static_cast<double>(of.smallest);
  domain.largest_frequency = static_cast<double>(of.largest);
  domain.shortest_length = static_cast<double>(of.shortest_length);
  return domain;
}

/// A bound and its contribution are computed in different ways and may round apart.
[[nodiscard]] inline double rounded_up(double bound) {
  return bound + 1e-12 * (1 + std::abs(bound));
}

}  // namespace detail

/// The largest weight that a term really has, for one weighting: one number a term, from one pass
/// over the whole index. Tightest; but another weighting, or other parameters, need another pass.
/// Refuses to bound another weighting than its own.
///
/// @shape one bound a term of the index
/// Cost: one weight a posting of the index to build, then constant.
/// @source standard; called exact in Macdonald, Ounis, Tonellotto 2011, 10.1145/2037661.2037662
template <term_weighting Weighting>
class exact_bounds {
 public:
  exact_bounds(const inverted_index& index, const Weighting& weighting) : weighting_(weighting) {
    bounds_.reserve(static_cast<std::size_t>(index.terms()));
    for (Index t = 0; t < index.terms(); ++t) {
      if (index.postings(t).size() == 0) {
        bounds_.push_back(0);
        continue;
      }
      const auto weight = weighting.for_term(index.statistics(t), index.collection());
      double most = 0;
      for (posting_cursor at(index.postings(t)); at.document() != no_document; at.next())
        most = std::max(
            most, detail::contribution(weight, 1, at.frequency(), index.length(at.document())));
      bounds_.push_back(most);
    }
  }

  /// @throws argument_error (unsupported: another weighting, out_of_range: another index)
  template <class TermWeight>
  [[nodiscard]] double operator()(const inverted_index& index, const Weighting& weighting,
                                  Index term, const TermWeight&) const {
    if (!(weighting == weighting_))
      throw argument_error(errc::unsupported,
                           "exact_bounds: the bounds were computed with other parameters than the "
                           "query is weighted with; compute them again or use approximated_bounds");
    if (index.terms() != static_cast<Index>(bounds_.size()))
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("exact_bounds: an index of ", index.terms(),
                                 " terms, the bounds are of one with ", bounds_.size()));
    return bounds_[static_cast<std::size_t>(term)];
  }

 private:
  Weighting weighting_;
  std::vector<double> bounds_;
};

/// Bounds worked out when a query comes, from what the index knows of a term without any weighting:
/// which frequencies it has and how short the documents with them are. Nothing is stored that
/// depends on the weighting, so that it may change from query to query. The formula is the
/// weighting's own.
///
/// With `frequency_classes` the formula is applied to each class of frequencies and the shortest
/// document in it, see `frequency_class`, and the largest of these bounds counts: the largest
/// frequency is seldom in the shortest document. Without, to the largest frequency and the shortest
/// document of the collection; without `shortest_length` to the largest frequency alone.
///
/// @shape up to three integers for each frequency up to 8 and each doubling above
/// Cost: a few logarithms a class of a term of the query. Rounded up by one part in 10^12.
/// @source Macdonald, Ounis, Tonellotto, "Upper-bound approximations for dynamic pruning", ACM TOIS
/// 29(4):17, 2011, 10.1145/2037661.2037662: from the largest frequency alone
/// @deviation the shortest document and the classes are ours; both can be switched off
struct approximated_bounds {
  bool shortest_length = true;
  bool frequency_classes = true;

  template <class Weighting, class TermWeight>
  [[nodiscard]] double operator()(const inverted_index& index, const Weighting&, Index term,
                                  const TermWeight& weight) const {
    weight_domain domain = detail::domain_of(index, term);
    if (!shortest_length) domain.shortest_length = 1;
    if (!shortest_length || !frequency_classes)
      return detail::rounded_up(weight.upper_bound(domain));
    double most = 0;
    for (const frequency_class& of : index.frequency_classes(term))
      most = std::max(most, weight.upper_bound(detail::narrowed(domain, of)));
    return detail::rounded_up(most);
  }
};

/// The limit of the weight for ever more occurrences, where it has one (bm25): the loosest bound,
/// for comparison.
struct limit_bounds {
  template <class Weighting, class TermWeight>
  [[nodiscard]] double operator()(const inverted_index&, const Weighting&, Index,
                                  const TermWeight& weight) const {
    return weight.limit();
  }
};

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
