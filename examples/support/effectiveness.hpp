// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/top_k.hpp>

#include <algorithm>  // std::min, std::sort
#include <cmath>      // std::log2
#include <cstddef>    // std::size_t
#include <map>        // std::map
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus_examples {

/// Average precision: the mean, over all relevant documents, of the share of relevant ones down to
/// and with it; 0 for one that was not found. 0 if nothing is relevant. Its mean over the queries
/// with judgements is MAP.
[[nodiscard]] inline double average_precision(std::span<const prunus::ranked_item> found,
                                              const std::map<prunus::Index, int>& relevant) {
  if (relevant.empty()) return 0;
  double sum = 0, hits = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (relevant.contains(found[i].item)) sum += ++hits / static_cast<double>(i + 1);
  return sum / static_cast<double>(relevant.size());
}

/// Normalised discounted cumulative gain of the first `depth` documents: the sum of grade /
/// log2(rank + 1), divided by the largest possible one. 0 if nothing is relevant.
/// (Jarvelin and Kekalainen 2002, 10.1145/582415.582418, in the form with the rank plus 1.)
[[nodiscard]] inline double ndcg(std::span<const prunus::ranked_item> found,
                                 const std::map<prunus::Index, int>& relevant, std::size_t depth) {
  if (relevant.empty()) return 0;
  const auto discount = [](std::size_t i) { return std::log2(static_cast<double>(i + 2)); };
  double gain = 0, best = 0;
  for (std::size_t i = 0; i < std::min(found.size(), depth); ++i)
    if (const auto grade = relevant.find(found[i].item); grade != relevant.end())
      gain += grade->second / discount(i);
  std::vector<int> grades;
  for (const auto& [document, grade] : relevant) grades.push_back(grade);
  std::sort(grades.rbegin(), grades.rend());
  for (std::size_t i = 0; i < std::min(grades.size(), depth); ++i) best += grades[i] / discount(i);
  return gain / best;
}

/// The mean of `measure(query, its place)` over the queries for which something is known to be
/// relevant: of the others nothing can be said. 0 if there are none.
template <class Queries, class Measure>
[[nodiscard]] double mean_over_judged(const Queries& queries, const Measure& measure) {
  double sum = 0;
  std::size_t judged = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    if (queries[q].relevant.empty()) continue;
    sum += measure(queries[q], q);
    ++judged;
  }
  return judged > 0 ? sum / static_cast<double>(judged) : 0;
}

}  // namespace prunus_examples
