// SPDX-License-Identifier: MIT
// expect: prunus::scheduler: the second of a pair must be a pass
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/one_shot.hpp>

void schedule(const prunus::model<float>& net) {
  const prunus::one_shot once{.sparsity = 0.5};
#ifdef PRUNUS_MISTAKE
  const prunus::scheduler scheduler{net, prunus::timed_pass{once, prunus::l2_norm{}}};
#else
  const prunus::pass pass{prunus::l2_norm{}, prunus::filter};
  const prunus::scheduler scheduler{net, prunus::timed_pass{once, pass}};
#endif
}
