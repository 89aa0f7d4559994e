// SPDX-License-Identifier: MIT
// expect: the schedule's `last` must be `Index last() const`
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>

struct own_schedule {
  [[nodiscard]] prunus::Index events(const prunus::progress& now) const { return now.step; }
  [[nodiscard]] double target(prunus::Index) const { return 0.5; }
  void check() const {}
#ifdef PRUNUS_MISTAKE
  prunus::Index last() { return 3; }
#else
  [[nodiscard]] prunus::Index last() const { return 3; }
#endif
};

void prune(prunus::scheduler<float>& scheduler) {
  scheduler.add(own_schedule{}, prunus::pass{prunus::l1_norm{}, prunus::element});
}
