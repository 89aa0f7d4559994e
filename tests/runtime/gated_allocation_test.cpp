// SPDX-License-Identifier: MIT
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_linear.hpp>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

TEST_CASE("gated layers allocate nothing but their workspace", "[runtime][gated_convolution]") {
  const prunus::convolution_shape shape{.in_channels = 4,
                                        .out_channels = 6,
                                        .height = 5,
                                        .width = 5,
                                        .kernel_height = 3,
                                        .kernel_width = 3};
  const std::vector<float> x(2 * 100, 1.0F), weights(216, 0.5F), shift(6, 1.0F);
  std::vector<float> y(2 * 54);
  const std::vector<std::uint8_t> inputs{1, 0, 1, 1, 0, 0, 1, 0};
  const std::vector<std::uint8_t> outputs{1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1};
  for (const double dense_from : {0.0, 2.0}) {
    const prunus::gated_convolution<float> convolution(shape, {.dense_from = dense_from});
    auto work = convolution.make_workspace();
    CHECK(support::allocations_of([&] {
            convolution.forward(x.data(), weights.data(), {.shift = shift.data()}, y.data(), 2,
                                {inputs.data(), outputs.data()}, work);
          }) == 0);
    const prunus::gated_linear<float> dense({20, 6}, 5, {.dense_from = dense_from});
    auto dense_work = dense.make_workspace();
    CHECK(support::allocations_of([&] {
            dense.forward(x.data(), weights.data(), {.shift = shift.data(), .relu = true}, y.data(),
                          2, {inputs.data(), outputs.data()}, dense_work);
          }) == 0);
  }
}
