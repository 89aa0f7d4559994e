// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/inverted_index.hpp>

#include <concepts>  // std::same_as, std::equality_comparable

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// Between which values the frequency of a term and the length of a document that contains it lie:
/// all that an approximated upper bound knows. Both are whole numbers; smallest_frequency <=
/// frequency <= largest_frequency, frequency <= length, shortest_length <= length <=
/// longest_length.
struct weight_domain {
  double largest_frequency = 1;
  double shortest_length = 1;
  double longest_length = 1;
  double smallest_frequency = 1;
};

/// A term weighting model: what a term that occurs x times adds to the score of a document of y
/// tokens.
///
/// `m.for_term(term, collection)` prepares a function of (x, y) for one term; the function's
/// `upper_bound(domain)` is at least its value everywhere in the domain, up to rounding. Both are
/// for a term that occurs once in the query; `m.query_factor(q)`, at least 0, multiplies them where
/// it occurs q times. Models that compare equal give equal weights.
///
/// @source the bounds: C. Macdonald, I. Ounis, N. Tonellotto, "Upper-bound approximations for
/// dynamic pruning", ACM Transactions on Information Systems 29(4):17,
/// 2011, 10.1145/2037661.2037662
/// @deviation which formula bounds which model is said there
template <class M>
concept term_weighting = std::equality_comparable<M> &&
    requires(const M& m, const term_statistics& term, const collection_statistics& collection,
             const weight_domain& domain, double number) {
  { m.query_factor(number) } -> std::same_as<double>;
  { m.for_term(term, collection)(number, number) } -> std::same_as<double>;
  { m.for_term(term, collection).upper_bound(domain) } -> std::same_as<double>;
};

/// No weight is smaller than this, in the models that would otherwise give negative ones: a term of
/// the query never makes a document worse.
inline constexpr double least_weight = 1e-6;

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
