// SPDX-License-Identifier: MIT
#include <prunus/retrieval/block_max_weak_and.hpp>
#include <prunus/retrieval/bm25.hpp>
#include <prunus/retrieval/dirichlet_language_model.hpp>
#include <prunus/retrieval/dlh13.hpp>
#include <prunus/retrieval/max_score.hpp>
#include <prunus/retrieval/pl2.hpp>
#include <prunus/retrieval/retrieve.hpp>
#include <prunus/retrieval/weak_and.hpp>

#include "retrieval_cases.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace {

using Catch::Matchers::WithinAbs;
using Eigen::Index;
using prunus::ranked_item;
using prunus::retrieval::evaluation_statistics;
using prunus::retrieval::query_term;
using prunus::retrieval::retrieve;

/// Ten documents of mean length 5; term 0 in d0 (2), d1, d5, term 1 in d1 (3), d2; the rest filler.
prunus::retrieval::inverted_index small_index() {
  prunus::retrieval::index_builder builder;
  Index filler = 2;
  for (Index d = 0; d < 10; ++d) {
    std::vector<Index> tokens;
    tokens.insert(tokens.end(), d == 0 ? 2 : (d == 1 || d == 5) ? 1 : 0, 0);
    tokens.insert(tokens.end(), d == 1 ? 3 : d == 2 ? 1 : 0, 1);
    while (tokens.size() < (d == 0 ? 4U : d == 1 ? 6U : 5U)) tokens.push_back(filler++);
    builder.add(tokens);
  }
  return std::move(builder).build();
}

/// The bounds of another kind, times a factor.
template <class Bounds>
struct scaled_bounds {
  const Bounds* bounds = nullptr;
  double factor = 1;
  template <class Weighting, class Weight>
  double operator()(const prunus::retrieval::inverted_index& index, const Weighting& weighting,
                    Index term, const Weight& weight) const {
    return factor * (*bounds)(index, weighting, term, weight);
  }
};

/// Scores from the definition, over a map: what retrieve computes, without any of its parts.
template <class Weighting>
std::vector<ranked_item> naive(const prunus::retrieval::inverted_index& index,
                               const Weighting& weighting, const std::vector<query_term>& query,
                               Index k) {
  std::map<Index, double> scores;
  for (const query_term& t : query)
    for (prunus::retrieval::posting_cursor at(index.postings(t.term));
         at.document() != prunus::retrieval::no_document; at.next())
      scores[at.document()] += weighting.query_factor(static_cast<double>(t.frequency)) *
                               weighting.for_term(index.statistics(t.term), index.collection())(
                                   static_cast<double>(at.frequency()),
                                   static_cast<double>(index.length(at.document())));
  std::vector<ranked_item> items;
  for (const auto& [document, score] : scores) items.push_back({document, score});
  std::stable_sort(items.begin(), items.end(),
                   [](const ranked_item& a, const ranked_item& b) { return a.score > b.score; });
  items.resize(std::min(items.size(), static_cast<std::size_t>(k)));
  return items;
}

}  // namespace

TEST_CASE("the example worked out by hand scores the documents and postings it should",
          "[gates][retrieve]") {
  const prunus::retrieval::inverted_index index = small_index();
  REQUIRE(index.collection().mean_length() == 5);
  const prunus::retrieval::bm25 bm25;
  const std::vector<query_term> query{{0}, {1}};
  const prunus::retrieval::exact_bounds exact(index, bm25);
  const auto scored = [&](const auto& strategy, const auto& bounds) {
    evaluation_statistics statistics;
    const auto best = retrieve(index, bm25, query, 1, strategy, bounds, &statistics);
    REQUIRE(best.size() == 1);
    CHECK(best[0].item == 1);
    CHECK_THAT(best[0].score, WithinAbs(2.548544, 5e-7));
    CHECK(statistics.postings == 5);
    return statistics.postings_scored;
  };
  const prunus::retrieval::approximated_bounds by_frequency{.shortest_length = false}, approximated;
  const prunus::retrieval::approximated_bounds whole{.frequency_classes = false};
  CHECK(scored(prunus::retrieval::exhaustive{}, exact) == 5);
  CHECK(scored(prunus::retrieval::weak_and{}, exact) == 3);
  CHECK(scored(prunus::retrieval::weak_and{}, by_frequency) == 3);
  CHECK(scored(prunus::retrieval::weak_and{}, approximated) == 3);
  CHECK(scored(prunus::retrieval::weak_and{}, whole) == 3);
  CHECK(scored(prunus::retrieval::block_max_weak_and{}, exact) == 3);
  CHECK(scored(prunus::retrieval::weak_and{}, prunus::retrieval::limit_bounds{}) == 4);
  CHECK(scored(prunus::retrieval::max_score{}, exact) == 4);
  CHECK(scored(prunus::retrieval::max_score{}, by_frequency) == 4);
  CHECK(scored(prunus::retrieval::max_score{}, prunus::retrieval::limit_bounds{}) == 4);
  const auto weight = bm25.for_term(index.statistics(1), index.collection());
  CHECK_THAT(exact(index, bm25, 1, weight), WithinAbs(1.844045, 5e-7));
}

TEMPLATE_TEST_CASE("what is skipped never changes the result, ties included", "[gates][retrieve]",
                   prunus::retrieval::bm25, prunus::retrieval::dirichlet_language_model,
                   prunus::retrieval::pl2, prunus::retrieval::dlh13) {
  const TestType weighting{};
  support::random_source random(11);
  Index ties = 0, skipped = 0;
  for (int round = 0; round < 60; ++round) {
    const Index documents = random.between(1, 600), terms = random.between(2, 60);
    const auto index = support::random_index(random, documents, terms, random.chance(0.5) ? 6 : 40);
    const prunus::retrieval::exact_bounds exact(index, weighting);
    const prunus::retrieval::approximated_bounds approximated;
    const scaled_bounds<prunus::retrieval::exact_bounds<TestType>> loose{&exact, 1.5};
    for (int q = 0; q < 4; ++q) {
      const auto query = support::random_query(random, index, 8);
      const Index k = random.chance(0.3) ? 1 : random.between(1, 40);
      const auto all = retrieve(index, weighting, query, k, prunus::retrieval::exhaustive{});
      const auto expected = naive(index, weighting, query, k);
      REQUIRE(all.size() == expected.size());
      for (std::size_t i = 0; i < all.size(); ++i)
        REQUIRE_THAT(all[i].score, WithinAbs(expected[i].score, 1e-9));
      for (std::size_t i = 1; i < all.size(); ++i) {
        REQUIRE((all[i - 1].score > all[i].score ||
                 (all[i - 1].score == all[i].score && all[i - 1].item < all[i].item)));
        ties += all[i - 1].score == all[i].score;
      }
      const auto same = [&](const auto& strategy, const auto& bounds) {
        evaluation_statistics statistics;
        REQUIRE(retrieve(index, weighting, query, k, strategy, bounds, &statistics) == all);
        REQUIRE(statistics.postings_skipped() >= 0);
        skipped += statistics.postings_skipped();
      };
      same(prunus::retrieval::weak_and{}, exact);
      same(prunus::retrieval::weak_and{}, approximated);
      same(prunus::retrieval::weak_and{}, loose);
      same(prunus::retrieval::weak_and{},
           prunus::retrieval::approximated_bounds{.frequency_classes = false});
      same(prunus::retrieval::block_max_weak_and{}, exact);
      same(prunus::retrieval::block_max_weak_and{}, approximated);
      same(prunus::retrieval::block_max_weak_and{}, loose);
      same(prunus::retrieval::max_score{}, exact);
      same(prunus::retrieval::max_score{}, approximated);
      same(prunus::retrieval::max_score{}, loose);
    }
  }
  CHECK(ties > 100);
  CHECK(skipped > 1000);
}

TEMPLATE_TEST_CASE("classes of frequencies bound every weight, closer than the whole term",
                   "[gates][retrieve]", prunus::retrieval::bm25,
                   prunus::retrieval::dirichlet_language_model, prunus::retrieval::pl2,
                   prunus::retrieval::dlh13) {
  const TestType weighting{};
  support::random_source random(15);
  double exactly = 0, by_classes = 0, as_a_whole = 0;
  for (int round = 0; round < 40; ++round) {
    const auto index = support::random_index(random, random.between(1, 500), 30, 80);
    const prunus::retrieval::exact_bounds exact(index, weighting);
    const prunus::retrieval::approximated_bounds classes, whole{.frequency_classes = false};
    for (Index t = 0; t < index.terms(); ++t) {
      if (index.postings(t).size() == 0) continue;
      const auto weight = weighting.for_term(index.statistics(t), index.collection());
      const double bound = classes(index, weighting, t, weight);
      REQUIRE(bound >= exact(index, weighting, t, weight));
      REQUIRE(bound <= whole(index, weighting, t, weight));
      exactly += exact(index, weighting, t, weight);
      by_classes += bound;
      as_a_whole += whole(index, weighting, t, weight);
      Index postings = 0;
      for (const prunus::retrieval::frequency_class& of : index.blocks(t)) {
        ++postings;
        REQUIRE(of.shortest_length >= of.smallest);
        REQUIRE(of.largest <= index.statistics(t).largest_frequency);
      }
      REQUIRE(postings == (index.postings(t).size() + 127) / 128);
    }
  }
  CHECK(by_classes < as_a_whole);
  CHECK(by_classes - exactly < 0.5 * (as_a_whole - exactly));
}

TEST_CASE("a collection knows the shortest document of each frequency", "[gates][retrieve]") {
  prunus::retrieval::index_builder builder;
  const auto add = [&](Index frequency, Index length) {
    std::vector<Index> tokens(static_cast<std::size_t>(length), 1);
    std::fill_n(tokens.begin(), frequency, 0);
    builder.add(tokens);
  };
  add(1, 30);
  add(1, 20);
  add(2, 50);
  add(9, 60);
  add(16, 40);
  add(17, 90);
  const auto index = std::move(builder).build();
  const auto classes = index.frequency_classes(0);
  const std::vector<prunus::retrieval::frequency_class> expected{
      {1, 1, 20}, {2, 2, 50}, {9, 16, 40}, {17, 17, 90}};
  CHECK(std::vector(classes.begin(), classes.end()) == expected);
  REQUIRE(index.blocks(0).size() == 1);
  CHECK(index.blocks(0)[0] == prunus::retrieval::frequency_class{1, 17, 20});
}

TEST_CASE("blocks without a good document are passed over", "[gates][retrieve]") {
  // Two terms, each often nine times in a document of its own one of 40 blocks, and once elsewhere:
  // the terms could be good together, but in no block are.
  prunus::retrieval::index_builder builder;
  for (Index d = 0; d < 40 * prunus::retrieval::posting_list::block_size; ++d) {
    const Index block = d / prunus::retrieval::posting_list::block_size;
    std::vector<Index> tokens(20, 2);
    std::fill_n(tokens.begin(), block == 3 && d % 4 == 0 ? 9 : 1, 0);
    std::fill_n(tokens.end() - 9, block == 7 && d % 4 == 0 ? 9 : 1, 1);
    builder.add(tokens);
  }
  for (int d = 0; d < 12000; ++d) builder.add(std::vector<Index>(20, 2));
  const auto index = std::move(builder).build();
  const std::vector<query_term> query{{0}, {1}};
  evaluation_statistics whole, blocks;
  const auto all =
      retrieve(index, prunus::retrieval::bm25{}, query, 10, prunus::retrieval::exhaustive{});
  CHECK(retrieve(index, prunus::retrieval::bm25{}, query, 10, prunus::retrieval::weak_and{},
                 prunus::retrieval::approximated_bounds{}, &whole) == all);
  CHECK(retrieve(index, prunus::retrieval::bm25{}, query, 10,
                 prunus::retrieval::block_max_weak_and{}, prunus::retrieval::approximated_bounds{},
                 &blocks) == all);
  CHECK(whole.postings_scored > 9000);
  CHECK(blocks.postings_scored < 2000);
}

TEST_CASE("bounds that are too small do change the result", "[gates][retrieve]") {
  const prunus::retrieval::bm25 bm25;
  support::random_source random(12);
  Index wrong_weak_and = 0, wrong_max_score = 0;
  for (int round = 0; round < 40; ++round) {
    const auto index = support::random_index(random, 400, 40, 20);
    const prunus::retrieval::exact_bounds exact(index, bm25);
    const scaled_bounds<prunus::retrieval::exact_bounds<prunus::retrieval::bm25>> small{&exact,
                                                                                        0.8};
    const auto query = support::random_query(random, index, 6);
    const auto all = retrieve(index, bm25, query, 10, prunus::retrieval::exhaustive{});
    wrong_weak_and += retrieve(index, bm25, query, 10, prunus::retrieval::weak_and{}, small) != all;
    wrong_max_score +=
        retrieve(index, bm25, query, 10, prunus::retrieval::max_score{}, small) != all;
  }
  CHECK(wrong_weak_and > 0);
  CHECK(wrong_max_score > 0);
}

TEST_CASE("looser bounds score more postings", "[gates][retrieve]") {
  const prunus::retrieval::bm25 bm25;
  support::random_source random(13);
  std::vector<Index> weak_and(4, 0), max_score(4, 0);
  for (int round = 0; round < 30; ++round) {
    const auto index = support::random_index(random, 500, 60, 30);
    const prunus::retrieval::exact_bounds exact(index, bm25);
    const auto query = support::random_query(random, index, 6);
    for (std::size_t i = 0; i < 4; ++i) {
      const scaled_bounds<prunus::retrieval::exact_bounds<prunus::retrieval::bm25>> bounds{
          &exact, 1 + 0.5 * static_cast<double>(i)};
      evaluation_statistics counts;
      (void)retrieve(index, bm25, query, 5, prunus::retrieval::weak_and{}, bounds, &counts);
      weak_and[i] += counts.postings_scored;
      counts = {};
      (void)retrieve(index, bm25, query, 5, prunus::retrieval::max_score{}, bounds, &counts);
      max_score[i] += counts.postings_scored;
    }
  }
  CHECK(std::is_sorted(weak_and.begin(), weak_and.end()));
  CHECK(std::is_sorted(max_score.begin(), max_score.end()));
  CHECK(weak_and.front() < weak_and.back());
}

TEST_CASE("a light and a heavy list: most of the light one is skipped", "[gates][retrieve]") {
  // 1000 documents of contributions near 0.2 and, of 20 of them, near 2.5.
  struct array_list {
    std::vector<std::pair<Index, double>> entries;
    double bound = 0;
    std::size_t at = 0;
    [[nodiscard]] Index document() const {
      return at < entries.size() ? entries[at].first : prunus::retrieval::no_document;
    }
    [[nodiscard]] double upper_bound() const { return bound; }
    [[nodiscard]] double score() { return entries[at].second; }
    void next() { ++at; }
    void seek(Index document) {
      while (at < entries.size() && entries[at].first < document) ++at;
    }
  };
  static_assert(prunus::retrieval::document_list<array_list>);
  support::random_source random(14);
  array_list light{{}, 0.3}, heavy{{}, 3};
  for (Index d = 0; d < 1000; ++d) light.entries.emplace_back(d, random.real(0.1, 0.3));
  for (Index d = 0; d < 20; ++d) heavy.entries.emplace_back(50 * d + 7, random.real(2, 3));
  const auto run = [&](const auto& strategy) {
    std::vector<array_list> lists{light, heavy};
    evaluation_statistics counts;
    prunus::top_k best(5);
    strategy(std::span(lists), best, counts);
    return std::pair(std::move(best).sorted(), counts.postings_scored);
  };
  const auto [all, all_postings] = run(prunus::retrieval::exhaustive{});
  const auto [by_weak_and, weak_and_postings] = run(prunus::retrieval::weak_and{});
  const auto [by_max_score, max_score_postings] = run(prunus::retrieval::max_score{});
  CHECK(all_postings == 1020);
  CHECK(by_weak_and == all);
  CHECK(by_max_score == all);
  CHECK(weak_and_postings < 300);
  CHECK(max_score_postings < 300);
}

TEST_CASE("documents that tie with the threshold by their bounds are not scored",
          "[gates][retrieve]") {
  // Every document is the same: the first k fill the queue, no other can beat them. The weights add
  // up to something that depends on the order of addition.
  prunus::retrieval::index_builder builder;
  const std::vector<Index> tokens{0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4};
  for (int d = 0; d < 500; ++d) builder.add(tokens);
  const std::vector<Index> rest(40, 5);
  for (int d = 0; d < 600; ++d) builder.add(rest);
  const auto index = std::move(builder).build();
  const prunus::retrieval::bm25 bm25;
  const prunus::retrieval::exact_bounds exact(index, bm25);
  const std::vector<query_term> query{{3}, {0}, {4}, {1}, {2}};
  for (const Index k : {1, 7}) {
    evaluation_statistics counts;
    const auto best =
        retrieve(index, bm25, query, k, prunus::retrieval::weak_and{}, exact, &counts);
    CHECK(best.back().item == k - 1);
    CHECK(counts.documents_scored == k);
    counts = {};
    CHECK(retrieve(index, bm25, query, k, prunus::retrieval::max_score{}, exact, &counts) == best);
    CHECK(counts.documents_scored == k);
  }
}

TEST_CASE("a query may ask for more documents than there are, and for terms of none",
          "[gates][retrieve]") {
  prunus::retrieval::index_builder builder;
  const std::vector<Index> first{0, 3}, second{3};
  builder.add(first);
  builder.add({});
  builder.add(second);
  const auto index = std::move(builder).build();
  const std::vector<query_term> query{{1}, {3}};
  const auto best = retrieve(index, prunus::retrieval::pl2{}, query, 100);
  REQUIRE(best.size() == 2);
  CHECK(retrieve(index, prunus::retrieval::pl2{}, query, 100, prunus::retrieval::max_score{}) ==
        best);
  const std::vector<query_term> nothing{{1}};
  CHECK(retrieve(index, prunus::retrieval::pl2{}, nothing, 5).empty());
  CHECK(retrieve(index, prunus::retrieval::pl2{}, {}, 5, prunus::retrieval::max_score{}).empty());
}

TEST_CASE("wrong queries and bounds of another weighting are refused", "[gates][retrieve]") {
  const auto index = small_index();
  const auto code = [&](std::vector<query_term> query, Index k) {
    return support::code_of<prunus::argument_error>(
        [&] { (void)retrieve(index, prunus::retrieval::bm25{}, query, k); });
  };
  CHECK(code({{0}}, 0) == prunus::errc::out_of_range);
  CHECK(code({{10000}}, 1) == prunus::errc::out_of_range);
  CHECK(code({{0, 0}}, 1) == prunus::errc::out_of_range);
  CHECK(code({{0}, {1}, {0}}, 1) == prunus::errc::duplicate_name);
  const prunus::retrieval::exact_bounds exact(index, prunus::retrieval::bm25{.k1 = 2});
  const std::vector<query_term> query{{0}};
  CHECK(support::code_of<prunus::argument_error>([&] {
          (void)retrieve(index, prunus::retrieval::bm25{}, query, 1, prunus::retrieval::weak_and{},
                         exact);
        }) == prunus::errc::unsupported);
}
