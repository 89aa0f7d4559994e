// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

/// How alike two filters a and b are; each similarity s has a distance that is 0 where it is
/// largest.
enum class similarity : std::uint8_t {
  cosine,       ///< s = <a, b> / (|a| |b|) in [-1, 1], distance 1 - s: no scale of a filter matters
  euclidean,    ///< s = -|a - b|, distance |a - b|
  correlation,  ///< the cosine of a and b less their means (Pearson), distance 1 - s
};

}  // namespace v0
}  // namespace prunus
