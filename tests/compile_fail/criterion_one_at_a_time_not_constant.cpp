// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion's `scores_one_at_a_time` must be `static constexpr
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_criterion {
#ifdef PRUNUS_MISTAKE
  static bool scores_one_at_a_time() { return true; }
#else
  static constexpr bool scores_one_at_a_time = true;
#endif
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>>) const {}
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{own_criterion{}, prunus::element}, 0.5);
}
