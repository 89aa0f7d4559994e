// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion's `element_score` must be `static double
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/relative_run.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_criterion {
#ifdef PRUNUS_MISTAKE
  double element_score(double square, double no_smaller) const { return square / no_smaller; }
#else
  static double element_score(double square, double no_smaller) {
    return no_smaller > 0 ? square / no_smaller : 0;
  }
#endif
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>>) const {}
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{own_criterion{}, prunus::element}, 0.5);
}
