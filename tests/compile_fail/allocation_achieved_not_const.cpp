// SPDX-License-Identifier: MIT
// expect: prunus::pass: the allocation's `achieved` must be
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_allocation {
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>>, double) const {}
#ifdef PRUNUS_MISTAKE
  template <class T>
  prunus::achieved_share achieved(std::span<const prunus::ranking_group<T>>) {
    return {"bytes", 0.5};
  }
#else
  template <class T>
  prunus::achieved_share achieved(std::span<const prunus::ranking_group<T>>) const {
    return {"bytes", 0.5};
  }
#endif
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::element, own_allocation{}}, 0.5);
}
