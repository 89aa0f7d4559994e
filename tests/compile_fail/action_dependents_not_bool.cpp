// SPDX-License-Identifier: MIT
// expect: prunus::pass: the action's `dependents` must be `bool dependents`
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

struct own_action {
  [[nodiscard]] double factor(prunus::Index, prunus::Index) const { return 0; }
  [[nodiscard]] bool permanent(prunus::Index) const { return true; }
#ifdef PRUNUS_MISTAKE
  [[nodiscard]] bool dependents() const { return false; }
#else
  bool dependents = false;
#endif
};

void prune(const prunus::model<float>& net) {
  prunus::prune(
      net, prunus::pass{prunus::l1_norm{}, prunus::element, prunus::uniform{}, own_action{}}, 0.5);
}
