// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/mix_bits.hpp>
#include <prunus/criteria/criterion.hpp>

#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// A score drawn at random from (0, 1]: the control that every criterion must beat.
///
/// Counter-based: the score of a tile follows from the seed, the parameter's name and the tile's
/// number alone. The same seed gives the same scores at every event, so what was pruned stays among
/// the pruned while the sparsity grows.
///
/// @shape weight: any; only its name and grid are used; scores: one a tile, uniform with 24 bits
/// Cost: one hash a tile, no allocation. Ties go to the lower tile; weights that are NaN are not
/// noticed.
/// @source a common control, see D. Blalock et al., "What is the State of Neural Network Pruning?",
/// MLSys 2020, arXiv:2003.03033; hash: finaliser of SplitMix64, G. Steele et al. 2014,
/// doi:10.1145/2660193.2660195
struct random_score {
  std::uint64_t seed = 0;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const std::uint64_t key = detail::mix_bits(seed ^ hash_of(p.name));
    for (Index t = 0; t < grid.size(); ++t)
      scores[static_cast<std::size_t>(t)] =
          static_cast<score_of<S>>((detail::mix_bits(key + static_cast<std::uint64_t>(t)) >> 40) +
                                   1) /
          16777216;
  }

 private:
  /// FNV-1a.
  [[nodiscard]] static constexpr std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return hash;
  }
};

static_assert(criterion<random_score, float> && criterion<random_score, double>);

}  // namespace v0
}  // namespace prunus
