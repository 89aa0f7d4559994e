// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/term_weighting.hpp>

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::log2
#include <numbers>    // std::numbers

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// Divergence from randomness: hypergeometric with Laplace normalisation, free of parameters. For a
/// term with F occurrences in N documents, x times in a document of y tokens:
///
///     (x log2(x mean length / y N / F) + log2(2 pi x (1 - x / y)) / 2) / (x + 1/2)
///
/// at least least_weight, times its occurrences in the query. A document of nothing but the term
/// counts as x / y = 0.99999, whose logarithm exists.
///
/// Approximated upper bound: from y = x + 1 on the weight falls with y, so for each of the first 64
/// frequencies the largest weight is that in the shortest document, or in one of x + 1 tokens, or
/// of x. Beyond 64 the factor 1 - x / y <= 1 is left out and y set to x: what remains has one top,
/// found by bisection.
/// @source G. Amati, "Frequentist and Bayesian approach to information retrieval", ECIR 2006,
/// 10.1007/11735106_3; approximated bounds: Macdonald, Ounis, Tonellotto 2011,
/// 10.1145/2037661.2037662
/// @deviation our reading of the bound; the paper's own was not seen. The least weight is taken
/// before the query's factor
struct dlh13 {
  struct term {
    double mean_length = 1;
    double rarity = 1;  ///< N / F

    [[nodiscard]] double operator()(double frequency, double length) const {
      const double share = frequency == length ? 0.99999 : frequency / length;
      const double bits = std::log2(frequency * (mean_length / length) * rarity);
      return std::max(least_weight, (frequency * bits + 0.5 * std::log2(2 * std::numbers::pi *
                                                                        frequency * (1 - share))) /
                                        (frequency + 0.5));
    }
    [[nodiscard]] double upper_bound(const weight_domain& domain) const {
      constexpr double looked_at = 64;
      double best = least_weight;
      for (double x = domain.smallest_frequency; x <= std::min(domain.largest_frequency, looked_at);
           ++x) {
        best = std::max(best, (*this)(x, std::max(x + 1, domain.shortest_length)));
        if (x >= domain.shortest_length) best = std::max(best, (*this)(x, x));
      }
      if (domain.largest_frequency <= looked_at) return best;
      double low = std::max(looked_at, domain.smallest_frequency), high = domain.largest_frequency;
      if (slope_sign(high) >= 0) return std::max(best, without_share(high, high));
      // Within [low, high] around the top, or low is behind it already.
      for (int step = 0; step < 60 && slope_sign(low) > 0; ++step) {
        const double middle = (low + high) / 2;
        (slope_sign(middle) > 0 ? low : high) = middle;
      }
      return std::max(best, without_share(low, low));
    }

   private:
    [[nodiscard]] double without_share(double frequency, double length) const {
      return (frequency * std::log2(frequency * (mean_length / length) * rarity) +
              0.5 * std::log2(2 * std::numbers::pi * frequency)) /
             (frequency + 0.5);
    }
    /// Has the sign of the derivative of without_share(x, x), and falls.
    [[nodiscard]] double slope_sign(double x) const {
      return std::log2(mean_length * rarity) + std::numbers::log2e * (1 + 0.5 / x) -
             std::log2(2 * std::numbers::pi * x);
    }
  };

  [[nodiscard]] term for_term(const term_statistics& t, const collection_statistics& c) const {
    return {c.mean_length(), static_cast<double>(c.documents) / static_cast<double>(t.occurrences)};
  }
  [[nodiscard]] double query_factor(double frequency) const { return frequency; }

  friend bool operator==(const dlh13&, const dlh13&) = default;
};

static_assert(term_weighting<dlh13>);

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
