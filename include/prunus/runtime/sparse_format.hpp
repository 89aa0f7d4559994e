// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// How the weights of a layer that holds zeros are packed, so that the zeros cost nothing.
///
/// Every format can hold every weight; they differ in what they can skip. `blocks_of_8` computes
/// eight outputs together and skips an input (of a convolution: a position of its kernel) that none
/// of them takes, so it wants weights pruned in blocks of eight outputs or coarser. `patterns`
/// computes four outputs together and skips every single zero: the inputs are sorted by which of
/// the four take them. In convolutions, the four are those that have most inputs in common. `rows`
/// computes each output on its own, which pays when hardly anything is left.
///
/// | pruned as | format |
/// | --- | --- |
/// | `block(4, 1)` | `blocks_of_4` |
/// | `block(8, 1)` | `blocks_of_8`, `blocks_of_4` |
/// | `block(16, 1)` or coarser | `blocks_of_16` in linear layers, `blocks_of_8` in convolutions |
/// | kernels, N of M, single weights | `patterns`; `rows` where most is gone |
///
/// N of M is no format of its own: without instructions for it, packing as `patterns` was as fast
/// as walking the groups in step.
enum class sparse_format { rows, patterns, blocks_of_4, blocks_of_8, blocks_of_16 };

inline constexpr std::array all_sparse_formats = {
    sparse_format::rows, sparse_format::patterns, sparse_format::blocks_of_4,
    sparse_format::blocks_of_8, sparse_format::blocks_of_16};

[[nodiscard]] constexpr std::string_view name_of(sparse_format format) noexcept {
  switch (format) {
    case sparse_format::rows:
      return "rows";
    case sparse_format::patterns:
      return "patterns";
    case sparse_format::blocks_of_4:
      return "blocks_of_4";
    case sparse_format::blocks_of_8:
      return "blocks_of_8";
    case sparse_format::blocks_of_16:
      return "blocks_of_16";
  }
  return "?";
}

}  // namespace v0
}  // namespace prunus
