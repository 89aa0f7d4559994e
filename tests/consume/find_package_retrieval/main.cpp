// SPDX-License-Identifier: MIT
#include <prunus/retrieval.hpp>

#include <utility>  // std::move
#include <vector>   // std::vector

int main() {
  prunus::retrieval::index_builder builder;
  builder.add(std::vector<prunus::Index>{0, 1, 1});
  builder.add(std::vector<prunus::Index>{1, 2, 2});
  const prunus::retrieval::inverted_index index = std::move(builder).build();
  const std::vector<prunus::retrieval::query_term> query{{.term = 2}};
  const auto found = prunus::retrieval::retrieve(index, prunus::retrieval::bm25{}, query, 10);
  return found.size() == 1 && found[0].item == 1 ? 0 : 1;
}
