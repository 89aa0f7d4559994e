// SPDX-License-Identifier: MIT
#include <prunus/retrieval/bm25.hpp>
#include <prunus/retrieval/dirichlet_language_model.hpp>
#include <prunus/retrieval/dlh13.hpp>
#include <prunus/retrieval/pl2.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <cmath>

namespace {

using Catch::Matchers::WithinAbs;
using Eigen::Index;
using prunus::retrieval::collection_statistics;
using prunus::retrieval::term_statistics;

constexpr double digits = 5e-7;  // of numbers that were computed by hand to six digits

/// N documents of mean length `mean`.
collection_statistics collection_of(Index documents, Index mean) {
  return {.documents = documents, .tokens = documents * mean};
}

/// The statistics that a term and a collection may have, at random.
struct random_case {
  explicit random_case(support::random_source& random) {
    collection.documents = random.between(1, 3000);
    term.documents = random.between(1, collection.documents);
    collection.shortest_length = random.between(1, 12);
    collection.longest_length = collection.shortest_length + random.between(0, 30);
    term.largest_frequency = random.between(1, collection.longest_length);
    term.occurrences = random.between(term.documents, term.documents * term.largest_frequency);
    const Index mean = random.between(collection.shortest_length, collection.longest_length);
    collection.tokens = std::max(collection.documents * mean, term.occurrences);
  }
  [[nodiscard]] prunus::retrieval::weight_domain domain() const {
    return {static_cast<double>(term.largest_frequency),
            static_cast<double>(collection.shortest_length),
            static_cast<double>(collection.longest_length)};
  }
  term_statistics term;
  collection_statistics collection;
};

/// The largest weight of all frequencies and lengths that the domain allows, tried one by one.
template <class Weight>
double largest_weight(const Weight& weight, const random_case& c) {
  double most = -1e300;
  for (Index x = 1; x <= c.term.largest_frequency; ++x)
    for (Index y = std::max(x, c.collection.shortest_length); y <= c.collection.longest_length; ++y)
      most = std::max(most, weight(static_cast<double>(x), static_cast<double>(y)));
  return most;
}

/// @returns by how much the loosest bound exceeds the largest weight, as a factor
template <class Weighting>
double check_bounds(const Weighting& weighting, std::uint64_t seed) {
  support::random_source random(seed);
  double loosest = 1;
  for (int round = 0; round < 1500; ++round) {
    const random_case c(random);
    const auto weight = weighting.for_term(c.term, c.collection);
    const double most = largest_weight(weight, c), bound = weight.upper_bound(c.domain());
    INFO("N " << c.collection.documents << " F " << c.term.occurrences << " x "
              << c.term.largest_frequency << " y " << c.collection.shortest_length << ".."
              << c.collection.longest_length << " mean " << c.collection.mean_length());
    REQUIRE(bound >= most - 1e-12 * (1 + std::abs(most)));
    if (most > 0.1) loosest = std::max(loosest, bound / most);
  }
  return loosest;
}

}  // namespace

TEST_CASE("bm25 gives the numbers worked out by hand", "[gates][bm25]") {
  const collection_statistics ten = collection_of(10, 5);
  const auto a = prunus::retrieval::bm25{}.for_term({.documents = 3}, ten);
  const auto b = prunus::retrieval::bm25{}.for_term({.documents = 2}, ten);
  CHECK_THAT(a.scale / 2.2, WithinAbs(0.762140, digits));
  CHECK_THAT(a(2, 4), WithinAbs(1.110403, digits));
  CHECK_THAT(a(1, 6), WithinAbs(0.704499, digits));
  CHECK_THAT(a(1, 5), WithinAbs(0.762140, digits));
  CHECK_THAT(b.scale / 2.2, WithinAbs(1.223775, digits));
  CHECK_THAT(b(3, 6), WithinAbs(1.844045, digits));
  CHECK_THAT(b(1, 5), WithinAbs(1.223775, digits));
  CHECK_THAT(a.upper_bound({2, 1, 6}), WithinAbs(1.260683, digits));
  CHECK_THAT(a.upper_bound({2, 4, 6}), WithinAbs(1.110403, digits));
  CHECK_THAT(b.upper_bound({3, 1, 6}), WithinAbs(2.103364, digits));
  CHECK_THAT(b.upper_bound({3, 4, 6}), WithinAbs(2.009184, digits));
  CHECK_THAT(a.limit(), WithinAbs(1.676708, digits));
  CHECK_THAT(b.limit(), WithinAbs(2.692306, digits));
}

TEST_CASE("bm25 never weighs a frequent term negatively", "[gates][bm25]") {
  const auto weight = prunus::retrieval::bm25{}.for_term({.documents = 9}, collection_of(10, 5));
  CHECK(weight(1, 5) > 0);
  CHECK(weight(1, 5) < 1e-5);
}

TEST_CASE("a term's frequency in the query saturates in bm25 and multiplies elsewhere",
          "[gates][term_weighting]") {
  CHECK(prunus::retrieval::bm25{}.query_factor(1) == 1);
  CHECK(prunus::retrieval::bm25{}.query_factor(2) == 1.8);
  CHECK(prunus::retrieval::dirichlet_language_model{}.query_factor(3) == 3);
  CHECK(prunus::retrieval::pl2{}.query_factor(3) == 3);
  CHECK(prunus::retrieval::dlh13{}.query_factor(3) == 3);
}

TEST_CASE("the language model gives the numbers worked out by hand", "[gates][dirichlet]") {
  const auto weight = prunus::retrieval::dirichlet_language_model{.mu = 100}.for_term(
      {.documents = 10, .occurrences = 20}, {.documents = 100, .tokens = 1000});
  CHECK_THAT(weight(4, 50), WithinAbs(0.693147, digits));
  CHECK_THAT(weight.upper_bound({4, 1, 60}), WithinAbs(1.059392, digits));
  CHECK_THAT(weight.upper_bound({4, 8, 60}), WithinAbs(1.021651, digits));
  CHECK(weight(1, 1e6) == prunus::retrieval::least_weight);
}

TEST_CASE("dlh13 gives the numbers worked out by hand", "[gates][dlh13]") {
  const auto weight = prunus::retrieval::dlh13{}.for_term({.documents = 15, .occurrences = 20},
                                                          collection_of(100, 10));
  CHECK_THAT(weight(3, 10), WithinAbs(3.880461, digits));
  CHECK_THAT(weight(3, 4), WithinAbs(4.801339, digits));
  CHECK_THAT(weight.upper_bound({3, 1, 60}), WithinAbs(4.801339, digits));  // of 3 in 4 tokens
  CHECK(std::isfinite(weight(3, 3)));
  CHECK(weight(1, 1e6) == prunus::retrieval::least_weight);
}

TEST_CASE("pl2 gives the numbers worked out by hand", "[gates][pl2]") {
  const auto weight = prunus::retrieval::pl2{}.for_term({.documents = 5, .occurrences = 10},
                                                        collection_of(1000, 100));
  CHECK_THAT(weight(5, 50), WithinAbs(7.587618, digits));
  // The smaller end of the normalised frequency would give 5.584219, which is no bound.
  CHECK_THAT(weight.upper_bound({5, 50, 200}), WithinAbs(7.587618, digits));
}

TEST_CASE("no frequency and length weigh more than the approximated bound",
          "[gates][term_weighting]") {
  // The first two take their largest weight at the corner that the bound names.
  CHECK(check_bounds(prunus::retrieval::bm25{}, 1) < 1 + 1e-9);
  CHECK(check_bounds(prunus::retrieval::bm25{.k1 = 2, .b = 0.3}, 2) < 1 + 1e-9);
  CHECK(check_bounds(prunus::retrieval::dirichlet_language_model{.mu = 20}, 3) < 1 + 1e-9);
  CHECK(check_bounds(prunus::retrieval::dirichlet_language_model{}, 4) < 1 + 1e-9);
  CHECK(check_bounds(prunus::retrieval::pl2{}, 5) < 1.1);
  CHECK(check_bounds(prunus::retrieval::pl2{.c = 7}, 6) < 1.1);
  CHECK(check_bounds(prunus::retrieval::dlh13{}, 7) < 1.6);
}

TEST_CASE("pl2 of a term more frequent than documents is bounded where the weight first rises",
          "[gates][pl2]") {
  support::random_source random(8);
  int at_the_rise = 0;
  for (int round = 0; round < 300; ++round) {
    random_case c(random);
    c.term.largest_frequency = c.collection.longest_length;
    c.term.occurrences = c.collection.documents * random.between(1, 8);
    c.collection.tokens = c.collection.documents * 10;
    const auto weight = prunus::retrieval::pl2{.c = 0.2}.for_term(c.term, c.collection);
    const double bound = weight.upper_bound(c.domain());
    REQUIRE(bound >= largest_weight(weight, c) - 1e-12);
    const double most = c.domain().largest_frequency;
    at_the_rise += bound > weight(most, std::max(most, c.domain().shortest_length)) + 1e-6;
  }
  CHECK(at_the_rise > 10);
}

TEST_CASE("dlh13 bounds frequencies beyond those that it tries one by one", "[gates][dlh13]") {
  support::random_source random(9);
  for (int round = 0; round < 200; ++round) {
    random_case c(random);
    c.collection.longest_length = random.between(100, 500);
    c.term.largest_frequency = random.between(65, c.collection.longest_length);
    c.collection.tokens = c.collection.documents * random.between(1, 200);
    c.term.occurrences = random.between(1, c.collection.tokens);
    const auto weight = prunus::retrieval::dlh13{}.for_term(c.term, c.collection);
    const double bound = weight.upper_bound(c.domain());
    for (Index x = 1; x <= c.term.largest_frequency; ++x)
      for (const Index y : {std::max(x, c.collection.shortest_length), x + 1, 2 * x})
        REQUIRE(bound >= weight(static_cast<double>(x), static_cast<double>(y)));
  }
}
