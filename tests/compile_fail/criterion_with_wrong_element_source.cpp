// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion's `element_source` must be callable as
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/selection/selection.hpp>

struct own_criterion {
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>>) const {}
#ifdef PRUNUS_MISTAKE
  prunus::score_source<float> element_source(const prunus::parameter<float>& p){
#else
  prunus::score_source<float> element_source(const prunus::parameter<float>& p) const {
#endif
      return {p.weight.data, p.weight.size(), true, p.name};
}
}
;

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{own_criterion{}, prunus::element}, 0.5);
}
