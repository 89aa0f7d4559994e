// SPDX-License-Identifier: MIT
#include <prunus/kernels.hpp>
#include <prunus/runtime/sparse_convolution.hpp>

#include <cstddef>
#include <vector>

// The compiled kernel and the header's, in one program.
template <class Convolution>
std::vector<float> result_of(const Convolution& convolution) {
  const std::vector<float> x{1, 2, 3, 4};
  std::vector<float> y(4), scratch(static_cast<std::size_t>(convolution.scratch_size()));
  convolution.forward(x.data(), {}, y.data(), 1, scratch.data());
  return y;
}

int main() {
  const prunus::convolution_shape shape{.in_channels = 2, .out_channels = 2, .width = 2};
  const std::vector<float> weights{2, 0, -1, 3};
  const prunus::dispatched::sparse_convolution<float> chosen(shape, weights.data(),
                                                             prunus::formats::patterns{});
  const prunus::sparse_convolution<float> header(shape, weights.data(),
                                                 prunus::formats::patterns{});
  const bool best = chosen.instructions() == prunus::best_instruction_set();
  return best && result_of(chosen) == result_of(header) ? 0 : 1;
}
