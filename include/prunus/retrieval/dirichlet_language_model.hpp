// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/term_weighting.hpp>

#include <algorithm>  // std::max
#include <cmath>      // std::log

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// Query likelihood under a language model with Dirichlet smoothing. For a term with F occurrences
/// in a collection of T tokens, x of them in a document of y tokens:
///
///     ln(1 + x / (mu F / T)) + ln(mu / (mu + y)),   at least least_weight
///
/// times its occurrences in the query. mu > 0.
///
/// Approximated upper bound: the weight at the largest frequency x in the shortest document that
/// can hold it, max(x, shortest length).
/// @source C. Zhai, J. Lafferty, "A study of smoothing methods for language models applied to
/// information retrieval", ACM TOIS 22(2), 2004, 10.1145/984321.984322; approximated bounds:
/// Macdonald, Ounis, Tonellotto 2011, 10.1145/2037661.2037662
/// @deviation our reading of the bound: the weight grows with x, falls with y, and grows along
/// y = x because F <= T; the least weight is taken before the query's factor
struct dirichlet_language_model {
  double mu = 2500;

  struct term {
    double expected = 1;  ///< mu F / T: occurrences in mu tokens of the collection
    double mu = 2500;

    [[nodiscard]] double operator()(double frequency, double length) const {
      return std::max(least_weight,
                      std::log(1 + frequency / expected) + std::log(mu / (mu + length)));
    }
    [[nodiscard]] double upper_bound(const weight_domain& domain) const {
      const double most = domain.largest_frequency;
      return (*this)(most, std::max(most, domain.shortest_length));
    }
  };

  [[nodiscard]] term for_term(const term_statistics& t, const collection_statistics& c) const {
    return {mu * static_cast<double>(t.occurrences) / static_cast<double>(c.tokens), mu};
  }
  [[nodiscard]] double query_factor(double frequency) const { return frequency; }

  friend bool operator==(const dirichlet_language_model&,
                         const dirichlet_language_model&) = default;
};

static_assert(term_weighting<dirichlet_language_model>);

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
