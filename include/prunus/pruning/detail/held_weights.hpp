// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile_walk.hpp>

#include <bit>          // std::bit_cast
#include <cstdint>      // std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t
#include <type_traits>  // std::conditional_t

namespace prunus {
inline namespace v0 {
namespace detail {

/// Whether any weight of a removed tile is not +0. Reads only; vectorised by the compilers.
template <class S>
[[nodiscard]] bool removed_weights_live(const mask& m, weight_view<S> weight) {
  using bits = std::conditional_t<sizeof(S) == 8, std::uint64_t,
                                  std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint16_t>>;
  const std::uint8_t* const keep = m.bytes().data();
  bits any = 0;
  walk_tiles(
      m.grid(),
      [&](Index at, Index count, Index tile) {
        if (keep[tile] != 0) return;
        bits seen = 0;
        for (Index i = 0; i < count; ++i)
          seen = static_cast<bits>(seen | std::bit_cast<bits>(weight.data[at + i]));
        any = static_cast<bits>(any | seen);
      },
      [&](Index at, Index count, Index tile) {
        bits seen = 0;
        for (Index i = 0; i < count; ++i) {
          const bits removed = static_cast<bits>(keep[tile + i] - bits{1});  // all ones or none
          seen = static_cast<bits>(seen | (std::bit_cast<bits>(weight.data[at + i]) & removed));
        }
        any = static_cast<bits>(any | seen);
      });
  return any != 0;
}

/// Sets what masks remove to zero again, in case the caller's optimizer changed it, and puts back
/// what it was at the end of the scope unless release() says that all went well. Copies a parameter
/// only if a pruned weight of it lives.
template <weight_scalar S>
class held_weights {
 public:
  template <class Masks>
  void hold(const model<S>& net, const Masks& masks) {
    masks.for_each_mask(net, [&](const parameter<S>& p, const mask& m) {
      if (!removed_weights_live(m, p.weight)) return;
      saved_.keep(p.weight);
      m.apply(p.weight);
    });
  }
  void keep(weight_view<S> weight) { saved_.keep(weight); }
  void release() noexcept { saved_.release(); }

 private:
  restored_weights<S> saved_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
