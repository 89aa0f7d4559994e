// SPDX-License-Identifier: MIT
#pragma once

#include "counter_random.hpp"
#include "text_collection.hpp"

#include <algorithm>  // std::min, std::upper_bound
#include <cmath>      // std::exp, std::log
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus_examples {

/// Documents about topics, and a query for each topic: relevant is what is about it. Words follow
/// Zipf's law; a document mixes them with words of its topic, more or less of them.
/// @param documents, topics at least 1
[[nodiscard]] inline text_collection generate_collection(Index documents = 10000,
                                                         Index topics = 60) {
  constexpr int vocabulary = 20000, topical_words = 40;
  constexpr std::uint64_t seed = 15;
  std::vector<double> cumulated;  // Zipf
  double total = 0;
  for (int word = 1; word <= vocabulary; ++word) cumulated.push_back(total += 1.0 / (word + 2));
  const auto word_of = [&](counter_random& random) {
    const auto found =
        std::upper_bound(cumulated.begin(), cumulated.end(), total * random.uniform());
    return static_cast<Index>(std::min<std::ptrdiff_t>(found - cumulated.begin(), vocabulary - 1));
  };
  // The words of a topic are neither the most frequent nor the rarest.
  const auto topical_word = [&](Index topic, int i) {
    counter_random random(seed + 1, static_cast<std::uint64_t>(topic * topical_words + i));
    return static_cast<Index>(40 * std::exp(random.uniform() * std::log(vocabulary / 40.0)));
  };

  text_collection result;
  result.name = joined(documents, " generated documents");
  prunus::retrieval::index_builder builder;
  std::vector<std::map<Index, int>> about(static_cast<std::size_t>(topics));
  std::vector<Index> tokens;
  for (Index d = 0; d < documents; ++d) {
    counter_random random(seed, static_cast<std::uint64_t>(d));
    const bool has_topic = random.chance(0.25);
    const Index topic = random.below(static_cast<int>(topics));
    const double share = has_topic ? random.uniform(0.02, 0.3) : 0;
    if (has_topic) about[static_cast<std::size_t>(topic)][d] = 1;
    tokens.clear();
    for (int i = 0, length = 15 + static_cast<int>(60 * random.uniform() * random.uniform());
         i < length; ++i)
      tokens.push_back(random.chance(share) ? topical_word(topic, random.below(topical_words))
                                            : word_of(random));
    builder.add(tokens);
  }
  result.index = std::move(builder).build();
  for (Index topic = 0; topic < topics; ++topic) {
    counter_random random(seed + 2, static_cast<std::uint64_t>(topic));
    std::map<Index, Index> terms;
    for (int i = 0; i < 5; ++i) ++terms[topical_word(topic, random.below(topical_words))];
    for (int i = 0; i < 3; ++i) ++terms[word_of(random)];
    judged_query query{joined(topic + 1), {}, std::move(about[static_cast<std::size_t>(topic)])};
    for (const auto& [term, frequency] : terms)
      if (term < result.index.terms() && result.index.postings(term).size() > 0)
        query.terms.push_back({term, frequency});
    result.queries.push_back(std::move(query));
  }
  return result;
}

}  // namespace prunus_examples
