// SPDX-License-Identifier: MIT
// expect: prunus::scheduler: the first of a pair must be a schedule
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/one_shot.hpp>

void add(prunus::scheduler<float>& scheduler) {
  const prunus::pass pass{prunus::l2_norm{}, prunus::filter};
#ifdef PRUNUS_MISTAKE
  scheduler.add(pass, prunus::one_shot{.sparsity = 0.5});
#else
  scheduler.add(prunus::one_shot{.sparsity = 0.5}, pass);
#endif
}
