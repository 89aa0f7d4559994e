// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/retrieval/inverted_index.hpp>
#include <prunus/retrieval/retrieve.hpp>

#include "support/random_source.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace support {

/// Documents of random words: low numbers are frequent, high ones rare. Short documents of few
/// different words, so that many scores tie.
inline prunus::retrieval::inverted_index random_index(random_source& random, Index documents,
                                                      Index terms, Index longest) {
  prunus::retrieval::index_builder builder;
  std::vector<Index> tokens;
  for (Index d = 0; d < documents; ++d) {
    tokens.clear();
    for (Index i = random.between(1, longest); i > 0; --i) {
      const double u = random.real(0, 1);
      tokens.push_back(static_cast<Index>(u * u * u * static_cast<double>(terms)));
    }
    builder.add(tokens);
  }
  return std::move(builder).build();
}

/// Different terms of the index in random order, some asked for more than once.
inline std::vector<prunus::retrieval::query_term> random_query(
    random_source& random, const prunus::retrieval::inverted_index& index, Index most_terms) {
  std::vector<prunus::retrieval::query_term> query;
  const std::vector<Index> order = random.permutation(index.terms());
  const Index size = std::min(random.between(1, most_terms), index.terms());
  for (Index i = 0; i < size; ++i)
    query.push_back({order[static_cast<std::size_t>(i)], random.chance(0.2) ? 2 : 1});
  return query;
}

}  // namespace support
