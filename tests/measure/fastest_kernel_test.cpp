// SPDX-License-Identifier: MIT
#include <prunus/measure/fastest_kernel.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"

#include <chrono>  // std::chrono::milliseconds

namespace {

using prunus::convolution_shape;
using prunus::errc;
using prunus::linear_shape;

/// Every look at it takes a millisecond, so that all kernels are equally fast.
struct even_clock {
  using rep = long long;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<even_clock>;
  static inline long long looks = 0;
  static time_point now() { return time_point(std::chrono::milliseconds(++looks)); }
};

constexpr convolution_shape shape{.in_channels = 3,
                                  .out_channels = 5,
                                  .height = 6,
                                  .width = 4,
                                  .kernel_height = 3,
                                  .kernel_width = 2};
constexpr prunus::fastest_kernel_options options{
    .timing = {.warm_up = 1, .repetitions = 3, .minimum_seconds = 0, .maximum_seconds = 1000}};

prunus::mask mask_of(support::owned_weight<float>& weight, const prunus::tile& tile) {
  return prunus::mask(prunus::tile_grid(weight.view(), tile));
}

}  // namespace

TEST_CASE("a layer that no sparse kernel makes faster is kept dense", "[measure][kernel]") {
  prunus::fastest_kernel<float, even_clock> fastest(options);
  support::owned_weight<float> weight("OIHW", {5, 3, 3, 2});
  const prunus::sparse_kernel_choice choice = fastest(mask_of(weight, prunus::element), shape);
  CHECK(!choice.format.has_value());
  CHECK(choice.fastest_sparse.ratio == 1.0);
}

TEST_CASE("the limit decides when a sparse kernel pays", "[measure][kernel]") {
  prunus::fastest_kernel_options lenient = options;
  lenient.pays_below = 1.5;
  prunus::fastest_kernel<float, even_clock> fastest(lenient);
  support::owned_weight<float> weight("OIHW", {5, 3, 3, 2}), matrix("OIHW", {5, 3, 1, 1});
  CHECK(fastest(mask_of(weight, prunus::kernel_2d), shape).format == prunus::formats::rows{});
  CHECK(fastest(mask_of(matrix, prunus::element), linear_shape{.in = 3, .out = 5}).format ==
        prunus::formats::rows{});
}

TEST_CASE("a layer is timed once for the weights that it keeps, in any layout",
          "[measure][kernel]") {
  prunus::fastest_kernel<float, even_clock> fastest(options);
  support::owned_weight<float> weight("OIHW", {5, 3, 3, 2}), other("HWIO", {5, 3, 3, 2});
  prunus::mask keep = mask_of(weight, prunus::kernel_2d);
  keep.set(4, false);  // filter 1, input 1
  const auto questions = [&](const prunus::mask& m, const convolution_shape& s) {
    const long long before = even_clock::looks;
    (void)fastest(m, s);
    return even_clock::looks - before;
  };
  CHECK(questions(keep, shape) > 0);
  CHECK(questions(keep, shape) == 0);
  // The same kernel of the same weight, kept in another order of memory.
  prunus::mask turned{prunus::tile_grid(other.view(), prunus::kernel_2d)};
  turned.set(
      1 * turned.grid().stride(prunus::axis::out) + 1 * turned.grid().stride(prunus::axis::in),
      false);
  CHECK(questions(turned, shape) == 0);
  convolution_shape wider = shape;
  wider.width = 9;
  CHECK(questions(keep, wider) > 0);
  keep.set(5, false);
  CHECK(questions(keep, shape) > 0);
}

TEST_CASE("masks of another layer are refused", "[measure][kernel]") {
  prunus::fastest_kernel<float, even_clock> fastest(options);
  support::owned_weight<float> weight("OIHW", {5, 3, 2, 2});
  const auto refused = support::error_of<prunus::shape_error>(
      [&] { (void)fastest(mask_of(weight, prunus::element), shape); });
  CHECK(refused.code == errc::shape_mismatch);
  CHECK(refused.says("5 x 3 x 2 x 2"));
  CHECK(support::code_of<prunus::argument_error>([] {
          (void)prunus::fastest_kernel<float>{prunus::fastest_kernel_options{.samples = 0}};
        }) == errc::out_of_range);
}
