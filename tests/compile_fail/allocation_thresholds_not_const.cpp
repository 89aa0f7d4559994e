// SPDX-License-Identifier: MIT
// expect: prunus::pass: the allocation's `thresholds` must be
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_allocation {
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>>, double) const {}
#ifdef PRUNUS_MISTAKE
  template <class T, class Run>
  std::optional<std::vector<prunus::removal_threshold<T>>> thresholds(
      std::span<const prunus::ranking_group<T, Run>>, double, prunus::pool_ref) {
    return {};
  }
#else
  template <class T, class Run>
  std::optional<std::vector<prunus::removal_threshold<T>>> thresholds(
      std::span<const prunus::ranking_group<T, Run>>, double, prunus::pool_ref) const {
    return {};
  }
#endif
};

void prune(const prunus::model<float>& net) {
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::element, own_allocation{}}, 0.5);
}
