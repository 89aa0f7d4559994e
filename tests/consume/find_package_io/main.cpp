// SPDX-License-Identifier: MIT
#include <prunus/io.hpp>
#include <prunus/prunus.hpp>

#include <vector>

int main() {
  std::vector<float> weights{4, -1, 3, 2};
  prunus::model<float> net;
  net.add("fc.weight", prunus::view(weights, {2, 2}));
  const prunus::safetensors file(prunus::safetensors_bytes(net));
  return file.values<float>("fc.weight") == weights ? 0 : 1;
}
