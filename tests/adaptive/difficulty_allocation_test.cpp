// SPDX-License-Identifier: MIT
#include <prunus/adaptive/difficulty.hpp>
#include <prunus/adaptive/image_features.hpp>
#include <prunus/adaptive/mask_sets.hpp>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

#include <vector>

TEST_CASE("looking at an image, judging it and switching the masks allocates nothing",
          "[gates][mask_sets]") {
  using prunus::Index;
  std::vector<float> weight(40, 1.0F);
  prunus::model<float> net;
  net.add("w", prunus::view(weight, {8, 5}));
  prunus::mask few(prunus::tile_grid(net["w"].weight, prunus::filter)), many = few;
  few.set(1, false);
  for (Index f = 0; f < 6; ++f) many.set(f, false);
  prunus::mask_sets<float> sets(net);
  const std::vector<Index> of_level{sets.add("easy", {{"w", many}}),
                                    sets.add("hard", {{"w", few}})};

  std::vector<float> image(64);
  for (std::size_t i = 0; i < 64; ++i) image[i] = static_cast<float>(i % 7) / 7;
  const auto features = prunus::measure_image(std::span<const float>(image), 1, 8, 8).values();
  std::vector<double> calibration(features.begin(), features.end());
  calibration.insert(calibration.end(), {0.0, 0.0, 0.0, 0.0});
  const auto estimator =
      prunus::difficulty_estimator::fit(calibration, 4, std::vector{0.9, 0.1}, {.levels = 2});
  CHECK(support::allocations_of([&] {
          const auto seen = prunus::measure_image(std::span<const float>(image), 1, 8, 8).values();
          sets.activate(of_level[static_cast<std::size_t>(estimator.level(seen))]);
          sets.activate(of_level[0]);
        }) == 0);
  CHECK(weight[0] == 0);
  CHECK(weight[39] == 1);
}
