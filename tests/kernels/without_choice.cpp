// SPDX-License-Identifier: MIT
// Compiled for AVX2, header only: what a processor without AVX must not be able to run.
#include <prunus/runtime/matrix_product.hpp>

#include <vector>  // std::vector

int main(int count, char**) {
  const prunus::linear_shape shape{.in = 64, .out = 16};
  std::vector<float> x(64, static_cast<float>(count)), weights(64 * 16, 1.0F), y(16);
  std::vector<float> scratch(static_cast<std::size_t>(prunus::linear_scratch_size<float>(shape)));
  prunus::linear_forward<float>(shape, x.data(), weights.data(), {}, y.data(), 1, scratch.data());
  return y[15] == static_cast<float>(64 * count) ? 0 : 1;
}
