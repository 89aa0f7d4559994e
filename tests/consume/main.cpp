// SPDX-License-Identifier: MIT
#include <prunus/prunus.hpp>

#include <vector>

// The program that every way of consuming prunus has to compile and run.
int main() {
  std::vector<float> weights{4, -1, 3, 2};
  prunus::model<float> net;
  net.add("fc.weight", prunus::view(weights, {2, 2}));
  prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::element}, 0.5);
  return weights == std::vector<float>{4, 0, 3, 0} ? 0 : 1;
}
