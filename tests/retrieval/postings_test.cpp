// SPDX-License-Identifier: MIT
#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/postings.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace {

using Eigen::Index;
using prunus::retrieval::posting;
using prunus::retrieval::posting_cursor;
using prunus::retrieval::posting_list;

std::vector<posting> random_postings(support::random_source& random, Index size) {
  std::vector<posting> postings;
  Index document = -1;
  const Index widest = Index{1} << random.between(0, 20);
  for (Index i = 0; i < size; ++i) {
    document += random.between(1, widest);
    postings.push_back({document, random.between(1, random.chance(0.02) ? 100000 : 3)});
  }
  return postings;
}

std::vector<posting> all_of(const posting_list& list) {
  std::vector<posting> found;
  for (posting_cursor at(list); at.document() != prunus::retrieval::no_document; at.next())
    found.push_back({at.document(), at.frequency()});
  return found;
}

}  // namespace

TEST_CASE("a posting list gives back what went in", "[gates][postings]") {
  support::random_source random(1);
  for (const Index size : {0, 1, 2, 127, 128, 129, 256, 1000}) {
    const std::vector<posting> postings = random_postings(random, size);
    const posting_list list(postings);
    CHECK(list.size() == size);
    CHECK(all_of(list) == postings);
  }
}

TEST_CASE("a posting list holds the largest numbers", "[gates][postings]") {
  constexpr Index most = 4294967294;
  const std::vector<posting> postings{{0, 1}, {1, most + 1}, {most, 5}};
  CHECK(all_of(posting_list(postings)) == postings);
}

TEST_CASE("a posting list is smaller than its postings", "[gates][postings]") {
  std::vector<posting> postings;
  for (Index d = 0; d < 10000; ++d) postings.push_back({3 * d, 1 + d % 2});
  // Two bits a gap, one a frequency, 24 bytes for each 128.
  CHECK(posting_list(postings).bytes() < 10000 * 3 / 8 + 79 * 32 + 64);
}

TEST_CASE("a cursor seeks as walking does", "[gates][postings]") {
  support::random_source random(2);
  for (int round = 0; round < 60; ++round) {
    const std::vector<posting> postings = random_postings(random, random.between(1, 700));
    const posting_list list(postings);
    posting_cursor at(list);
    std::size_t walked = 0;
    Index target = 0;
    while (at.document() != prunus::retrieval::no_document) {
      if (random.chance(0.3)) {
        at.next();
        ++walked;
      } else {
        target = at.document() + random.between(-3, postings.back().document / 9 + 2);
        at.seek(target);
        while (walked < postings.size() && postings[walked].document < target) ++walked;
      }
      REQUIRE((at.document() == prunus::retrieval::no_document) == (walked == postings.size()));
      if (walked == postings.size()) break;
      REQUIRE(at.document() == postings[walked].document);
      if (random.chance(0.5)) REQUIRE(at.frequency() == postings[walked].frequency);
    }
    at.seek(prunus::retrieval::no_document);
    CHECK(at.document() == prunus::retrieval::no_document);
  }
}

TEST_CASE("a cursor seeks to the end of the documents", "[gates][postings]") {
  const std::vector<posting> postings{{4, 1}, {9, 2}};
  const posting_list list(postings);
  posting_cursor at(list);
  at.seek(9);
  CHECK(at.document() == 9);
  CHECK(at.frequency() == 2);
  at.seek(prunus::retrieval::no_document);
  CHECK(at.document() == prunus::retrieval::no_document);
}

TEST_CASE("postings out of order or range are refused", "[gates][postings]") {
  const auto code = [](std::vector<posting> postings) {
    return support::code_of<prunus::argument_error>([&] { (void)posting_list(postings); });
  };
  CHECK(code({{3, 1}, {3, 1}}) == prunus::errc::out_of_range);
  CHECK(code({{3, 1}, {2, 1}}) == prunus::errc::out_of_range);
  CHECK(code({{-1, 1}}) == prunus::errc::out_of_range);
  CHECK(code({{4294967295, 1}}) == prunus::errc::out_of_range);
  CHECK(code({{1, 0}}) == prunus::errc::out_of_range);
}

TEST_CASE("an index counts as a naive count does", "[gates][inverted_index]") {
  support::random_source random(3);
  prunus::retrieval::index_builder builder;
  std::map<Index, std::map<Index, Index>> counts;  // term, document
  Index tokens = 0, shortest = 1000, longest = 0;
  for (Index d = 0; d < 300; ++d) {
    std::vector<Index> document;
    for (Index i = random.between(0, 20); i > 0; --i) document.push_back(random.between(0, 40));
    for (const Index t : document) ++counts[t][d];
    const auto length = static_cast<Index>(document.size());
    tokens += length;
    if (length > 0) shortest = std::min(shortest, length);
    longest = std::max(longest, length);
    builder.add(document);
  }
  const prunus::retrieval::inverted_index index = std::move(builder).build();
  CHECK(index.collection().documents == 300);
  CHECK(index.collection().tokens == tokens);
  CHECK(index.collection().shortest_length == shortest);
  CHECK(index.collection().longest_length == longest);
  CHECK(index.collection().mean_length() == static_cast<double>(tokens) / 300);
  REQUIRE(index.terms() == 41);
  for (Index t = 0; t < index.terms(); ++t) {
    std::vector<posting> expected;
    Index occurrences = 0, largest = 0;
    for (const auto& [document, count] : counts[t]) {
      expected.push_back({document, count});
      occurrences += count;
      largest = std::max(largest, count);
    }
    CHECK(all_of(index.postings(t)) == expected);
    CHECK(index.statistics(t).documents == static_cast<Index>(expected.size()));
    CHECK(index.statistics(t).occurrences == occurrences);
    CHECK(index.statistics(t).largest_frequency == largest);
  }
}

TEST_CASE("an index without a token and unknown terms are refused", "[gates][inverted_index]") {
  CHECK(support::code_of<prunus::argument_error>([] {
          prunus::retrieval::index_builder builder;
          builder.add({});
          (void)std::move(builder).build();
        }) == prunus::errc::empty_model);
  prunus::retrieval::index_builder builder;
  const std::vector<Index> wrong{2, -1}, right{2};
  CHECK(support::code_of<prunus::argument_error>([&] { builder.add(wrong); }) ==
        prunus::errc::out_of_range);
  builder.add(right);
  const prunus::retrieval::inverted_index index = std::move(builder).build();
  CHECK(index.collection().documents == 1);
  CHECK(index.postings(0).size() == 0);
  CHECK(support::code_of<prunus::argument_error>([&] { (void)index.postings(3); }) ==
        prunus::errc::out_of_range);
  CHECK(support::code_of<prunus::argument_error>([&] { (void)index.statistics(-1); }) ==
        prunus::errc::out_of_range);
}
