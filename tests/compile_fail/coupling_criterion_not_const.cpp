// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion's second `score` must be
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_criterion {
#ifdef PRUNUS_MISTAKE
  template <prunus::weight_scalar S>
  void score(const prunus::coupled_weights<S>&, std::span<prunus::score_of<S>>) {}
#else
  template <prunus::weight_scalar S>
  void score(const prunus::coupled_weights<S>&, std::span<prunus::score_of<S>>) const {}
#endif
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>>) const {}
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{own_criterion{}, prunus::element}, 0.5);
}
