// SPDX-License-Identifier: MIT
// expect: prunus::pass: the criterion must have `void score(
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct no_criterion {};

void prune(const prunus::model<float>& net) {
#ifdef PRUNUS_MISTAKE
  prunus::prune(net, prunus::pass{no_criterion{}, prunus::filter}, 0.5);
#else
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::filter}, 0.5);
#endif
}
