// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// A part of one of several arrays: what one task of a pool_ref works on.
struct chunk {
  std::size_t array = 0;
  Index begin = 0;
  Index size = 0;
};

/// Elements of one chunk: enough to be worth a task, few enough that threads finish together. The
/// same for every number of threads.
inline constexpr Index chunk_length = Index{1} << 17;

inline void add_chunks(std::vector<chunk>& to, std::size_t array, Index size) {
  for (Index begin = 0; begin < size; begin += chunk_length)
    to.push_back({array, begin, std::min(chunk_length, size - begin)});
}

/// Whole arrays, given anything that has a size, cut into chunks.
template <class Arrays>
[[nodiscard]] std::vector<chunk> chunks_of(const Arrays& arrays) {
  std::vector<chunk> result;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    add_chunks(result, i, static_cast<Index>(arrays[i].size));
  return result;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
