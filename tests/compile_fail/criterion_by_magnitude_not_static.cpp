// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion's `scores_elements_by_magnitude` must be `static
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_criterion {
#ifdef PRUNUS_MISTAKE
  bool scores_elements_by_magnitude = true;
#else
  static constexpr bool scores_elements_by_magnitude = true;
#endif
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>>) const {}
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{own_criterion{}, prunus::element}, 0.5);
}
