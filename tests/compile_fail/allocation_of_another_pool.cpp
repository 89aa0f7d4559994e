// SPDX-License-Identifier: MIT
// expect: prunus::pass: the allocation's `allocate` takes a third argument that is no
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/runtime/thread_pool.hpp>

struct own_allocation {
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>>, double) const {}
#ifdef PRUNUS_MISTAKE
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>>, double, prunus::thread_pool&) const {}
#else
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>>, double, prunus::pool_ref) const {}
#endif
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::element, own_allocation{}}, 0.5);
}
