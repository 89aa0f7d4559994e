// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/term_weighting.hpp>

#include <algorithm>  // std::clamp, std::max
#include <cmath>      // std::log2
#include <numbers>    // std::numbers

namespace prunus {
inline namespace v0 {
namespace retrieval {

/// Divergence from randomness: Poisson, Laplace, normalisation 2. For a term with F occurrences in
/// N documents, lambda = F / N, x times in a document of y tokens:
///
///     n = x log2(1 + c mean length / y)
///     (n log2(n / lambda) + (lambda - n) log2 e + log2(2 pi n) / 2) / (n + 1)
///
/// times its occurrences in the query. c > 0. Weights may be negative; they are not raised.
///
/// Approximated upper bound: the weight is a function of n alone, and n is largest at the largest
/// frequency x in the shortest document that can hold it. Where lambda is at most 0.87 the weight
/// grows with n, and that is its largest value. Otherwise it may first rise and then fall: the top
/// of the rise, found by bisection, is the other candidate.
/// @source G. Amati, C. J. van Rijsbergen, "Probabilistic models of information retrieval based on
/// measuring the divergence from randomness", ACM TOIS 20(4), 2002, 10.1145/582415.582416;
/// approximated bounds: Macdonald, Ounis, Tonellotto 2011, 10.1145/2037661.2037662
/// @deviation our reading of the bound, derived here. (A public implementation chooses between the
/// two ends of n by a sign the other way round, which is not a bound.)
struct pl2 {
  double c = 1;

  struct term {
    double lambda = 1;
    double scaled_mean = 1;  ///< c times the mean length

    [[nodiscard]] double operator()(double frequency, double length) const {
      return at(normalised(frequency, length));
    }
    [[nodiscard]] double upper_bound(const weight_domain& domain) const {
      const double most = domain.largest_frequency;
      const double last = normalised(most, std::max(most, domain.shortest_length));
      if (slope_sign(0.5) >= 0) return at(last);
      double low = 0, high = 0.5;  // the slope is positive near 0
      for (int step = 0; step < 60; ++step) {
        const double middle = (low + high) / 2;
        (slope_sign(middle) > 0 ? low : high) = middle;
      }
      const double first =
          std::min(normalised(domain.smallest_frequency, domain.longest_length), last);
      return std::max(at(last), at(std::clamp(high, first, last)));
    }

   private:
    static constexpr double log2_e = std::numbers::log2e, two_pi = 2 * std::numbers::pi;

    [[nodiscard]] double normalised(double frequency, double length) const {
      return frequency * std::log2(1 + scaled_mean / length);
    }
    [[nodiscard]] double at(double n) const {
      return (n * std::log2(n / lambda) + (lambda - n) * log2_e + 0.5 * std::log2(two_pi * n)) /
             (n + 1);
    }
    /// Has the sign of the derivative of at(); smallest at n = 1/2.
    [[nodiscard]] double slope_sign(double n) const {
      return 0.5 * std::log2(n) + (n + 1.5 + 0.5 / n) * log2_e -
             (lambda * log2_e + 0.5 * std::log2(two_pi) + std::log2(lambda) + log2_e);
    }
  };

  [[nodiscard]] term for_term(const term_statistics& t, const collection_statistics& all) const {
    return {static_cast<double>(t.occurrences) / static_cast<double>(all.documents),
            c * all.mean_length()};
  }
  [[nodiscard]] double query_factor(double frequency) const { return frequency; }

  friend bool operator==(const pl2&, const pl2&) = default;
};

static_assert(term_weighting<pl2>);

}  // namespace retrieval
}  // namespace v0
}  // namespace prunus
