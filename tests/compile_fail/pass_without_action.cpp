// SPDX-License-Identifier: MIT
// expect: prunus::pass: the action must have `factor(event, lost_at)`
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

void prune(const prunus::model<float>& net) {
  const prunus::uniform same;
#ifdef PRUNUS_MISTAKE
  prunus::prune(
      net, prunus::pass{prunus::l1_norm{}, prunus::filter, same, prunus::parameter_selection{}},
      0.5);
#else
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::filter, same, prunus::hard{}}, 0.5);
#endif
}
