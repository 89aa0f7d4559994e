// SPDX-License-Identifier: MIT
// expect: prunus::pass: the tile comes second
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

void prune(const prunus::model<float>& net) {
#ifdef PRUNUS_MISTAKE
  prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::global{}, prunus::filter}, 0.5);
#else
  prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::global{}}, 0.5);
#endif
}
