// SPDX-License-Identifier: MIT
// expect: prunus::prune: the second argument must be a pass
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_pass {
  prunus::pass<prunus::l2_norm> inner{{}, prunus::filter};

  prunus::pass_state prepare(const prunus::model<float>& net) const { return inner.prepare(net); }
  prunus::pass_report prune(const prunus::model<float>& net, prunus::pass_state& state,
#ifdef PRUNUS_MISTAKE
                            prunus::Index event, double target) const {
#else
                            prunus::Index event, double target, prunus::pool_ref) const {
#endif
      return inner.prune(net, state, event, target);
}
}
;

void prune(const prunus::model<float>& net) { prunus::prune(net, own_pass{}, 0.5); }
