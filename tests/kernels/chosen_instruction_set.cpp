// SPDX-License-Identifier: MIT
// chosen_instruction_set <name> succeeds where that one is chosen and computes what it should.
#include <prunus/kernels.hpp>

#include <string_view>  // std::string_view
#include <vector>       // std::vector

int main(int count, char** arguments) {
  const std::string_view expected = count == 2 ? arguments[1] : "";
  const std::vector<float> weights{2, 0, -1, 3}, x{5, 7};
  const prunus::dispatched::sparse_convolution<float> convolution(
      {.in_channels = 2, .out_channels = 2}, weights.data(), prunus::formats::patterns{});
  std::vector<float> scratch(static_cast<std::size_t>(convolution.scratch_size())), y(2);
  convolution.forward(x.data(), {}, y.data(), 1, scratch.data());
  return prunus::name_of(convolution.instructions()) == expected && y == std::vector<float>{10, 16}
             ? 0
             : 1;
}
