// SPDX-License-Identifier: MIT
// expect: deleted function
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/runtime/thread_pool.hpp>

void prune(const prunus::model<float>& net) {
  const prunus::pass pass{prunus::l2_norm{}, prunus::filter};
#ifdef PRUNUS_MISTAKE
  prunus::prune(net, pass, 0.5, prunus::thread_pool(2));
#else
  prunus::thread_pool pool(2);
  prunus::prune(net, pass, 0.5, pool);
#endif
}
