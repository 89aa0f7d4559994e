// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/term_weighting.hpp>

#include <algorithm>  // std::max
#include <cmath>      // std::log

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// Okapi BM25. For a term in `f` of `N` documents, x times in a document of y tokens:
///
///     idf (k1 + 1) x / (x + k1 (1 - b + b y / mean length)),   idf = ln((N - f + 0.5) / (f + 0.5))
///
/// and a factor (k3 + 1) q / (k3 + q) for a term that occurs q times in the query. The idf is at
/// least least_weight: a negative one, of a term in more than half of the documents, would break
/// the order that all bounds rest on.
///
/// k1 > 0, 0 <= b <= 1, k3 >= 0.
///
/// Approximated upper bound: the weight at the largest frequency x in the shortest document that
/// can hold it, max(x, shortest length).
/// @source S. Robertson, S. Walker, S. Jones, M. Hancock-Beaulieu, M. Gatford, "Okapi at TREC-3",
/// 1995; the bound, with the frequency itself as the length: Macdonald, Ounis, Tonellotto 2011,
/// 10.1145/2037661.2037662
/// @deviation the shortest length where it is larger than the frequency, which is tighter; the
/// paper's text was not at hand: its rule is quoted by others, that it is a bound is our reading
struct bm25 {
  double k1 = 1.2;
  double b = 0.75;
  double k3 = 8;

  struct term {
    double scale = 0;           ///< idf (k1 + 1)
    double fixed = 0;           ///< k1 (1 - b)
    double for_each_token = 0;  ///< k1 b / mean length

    [[nodiscard]] double operator()(double frequency, double length) const {
      return scale * frequency / (frequency + (fixed + for_each_token * length));
    }
    [[nodiscard]] double upper_bound(const weight_domain& domain) const {
      const double most = domain.largest_frequency;
      return (*this)(most, std::max(most, domain.shortest_length));
    }
    /// What the weight tends to with ever more occurrences: the loosest bound.
    [[nodiscard]] double limit() const { return scale; }
  };

  [[nodiscard]] term for_term(const term_statistics& t, const collection_statistics& c) const {
    const double found = static_cast<double>(t.documents);
    const double all = static_cast<double>(c.documents);
    const double idf = std::max(least_weight, std::log((all - found + 0.5) / (found + 0.5)));
    return {idf * (k1 + 1), k1 * (1 - b), k1 * b / c.mean_length()};
  }
  [[nodiscard]] double query_factor(double frequency) const {
    return (k3 + 1) * frequency / (k3 + frequency);
  }

  friend bool operator==(const bm25&, const bm25&) = default;
};

static_assert(term_weighting<bm25>);

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
