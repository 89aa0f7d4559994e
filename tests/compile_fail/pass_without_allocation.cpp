// SPDX-License-Identifier: MIT
// expect: prunus::pass: the allocation must have `void allocate(
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

void prune(const prunus::model<float>& net) {
#ifdef PRUNUS_MISTAKE
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::filter, 0.5}, 0.5);
#else
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::global{}}, 0.5);
#endif
}
