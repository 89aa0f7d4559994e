// SPDX-License-Identifier: MIT
#include <prunus/allocation/macs_target.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <algorithm>  // std::count, std::max
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::global;
using prunus::macs_target;
using prunus::ranking_group;
using prunus::score_scaling;

/// 3 x 6 x 6 image, conv1 to 8 channels (3 x 3), conv2 to 6 channels (3 x 3), both padded, fc to 4.
prunus::graph small_network() {
  prunus::graph g;
  g.input("image", {3, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 8, .kernel = 3, .padding = 1});
  g.relu("relu1", "conv1");
  g.convolution("conv2", "relu1", {.out_channels = 6, .kernel = 3, .padding = 1});
  g.linear("fc", g.flatten("flat", "conv2"), {.out_features = 4});
  return g;
}

Index macs_of(Index conv1, Index conv2) {
  return 36 * 9 * 3 * conv1 + 36 * 9 * conv1 * conv2 + 36 * conv2 * 4;
}

/// The two couplings that may be pruned, with given scores.
struct two_couplings {
  std::vector<float> scores1, scores2;
  std::vector<std::uint8_t> keep1 = std::vector<std::uint8_t>(8, 1);
  std::vector<std::uint8_t> keep2 = std::vector<std::uint8_t>(6, 1);
  prunus::limits limits1{}, limits2{};

  std::vector<ranking_group<float>> units() {
    return {{"conv1", {scores1.data(), 8, false, "conv1"}, keep1, limits1, nullptr, 1},
            {"conv2", {scores2.data(), 6, false, "conv2"}, keep2, limits2, nullptr, 2}};
  }
  Index kept1() const { return std::count(keep1.begin(), keep1.end(), 1); }
  Index kept2() const { return std::count(keep2.begin(), keep2.end(), 1); }
  Index macs() const { return macs_of(kept1(), kept2()); }
  void allocate(const macs_target& allocation, double target) {
    auto all = units();
    allocation.allocate(std::span<ranking_group<float>>(all), target);
  }
};

two_couplings random_scores(support::random_source& random) {
  two_couplings result;
  for (int i = 0; i < 8; ++i) result.scores1.push_back(static_cast<float>(random.real(0, 1)));
  for (int i = 0; i < 6; ++i) result.scores2.push_back(static_cast<float>(random.between(0, 3)));
  return result;
}

}  // namespace

TEST_CASE("the fewest units go that reach the target, unless cheaper ones come closer",
          "[allocation][macs_target]") {
  support::random_source random(71);
  Index closer = 0;
  for (score_scaling scaling : {score_scaling::none, score_scaling::mean}) {
    const macs_target allocation(small_network(), {.scaling = scaling});
    for (int round = 0; round < 60; ++round) {
      const two_couplings start = random_scores(random);
      const double target = round == 0 ? 0 : random.real(0, 0.9);
      two_couplings result = start;
      result.allocate(allocation, target);

      const double budget = (1 - target) * static_cast<double>(macs_of(8, 6));
      two_couplings fewest;
      for (Index removed = 0;; ++removed) {  // the first number of units that is enough
        fewest = start;
        auto all = fewest.units();
        global{scaling}.remove(std::span<ranking_group<float>>(all), removed);
        if (static_cast<double>(fewest.macs()) <= budget) break;
      }
      CAPTURE(round, target);
      const Index one = fewest.kept1() > 1 ? macs_of(fewest.kept1() - 1, fewest.kept2()) : 0;
      const Index two = fewest.kept2() > 1 ? macs_of(fewest.kept1(), fewest.kept2() - 1) : 0;
      const double rest = budget - static_cast<double>(fewest.macs());
      if (static_cast<double>(fewest.macs() - std::max(one, two)) > rest) {
        REQUIRE(result.keep1 == fewest.keep1);
        REQUIRE(result.keep2 == fewest.keep2);
      }
      REQUIRE(static_cast<double>(result.macs()) <= budget);
      REQUIRE(result.macs() >= fewest.macs());
      closer += result.macs() > fewest.macs() ? 1 : 0;
      for (std::size_t a = 0; a < 8; ++a)  // within a layer the lowest scores go
        for (std::size_t b = 0; b < 8; ++b)
          REQUIRE_FALSE((result.keep1[a] > result.keep1[b] && start.scores1[a] < start.scores1[b]));
    }
  }
  CHECK(closer > 0);
}

TEST_CASE("units of another layer fill what a coarse unit would overshoot",
          "[allocation][macs_target]") {
  two_couplings r;
  r.scores1 = {1, 2, 3, 4, 100, 100, 100, 100};
  r.scores2 = {50, 60, 70, 80, 90, 95};
  // The budget is 14515 MACs. Three filters of conv1 leave 15444, four 12528; three and one of
  // conv2 13680, and no filter of conv2 less fits into what is then left, 835.
  r.allocate(macs_target(small_network(), {.scaling = score_scaling::none}), 0.4);
  CHECK(r.keep1 == std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(r.keep2 == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 1});
  const auto all = r.units();
  const prunus::achieved_share share =
      macs_target(small_network()).achieved(std::span<const ranking_group<float>>(all));
  CHECK(share.of == "MACs");
  CHECK(share.share == Approx(1 - 13680.0 / 24192));
}

TEST_CASE("the target counts the output and the input side of a layer",
          "[allocation][macs_target]") {
  CHECK(macs_of(8, 6) == 7776 + 15552 + 864);
  two_couplings r;
  r.scores1 = {1, 2, 3, 4, 100, 100, 100, 100};
  r.scores2 = {50, 60, 70, 80, 90, 95};
  // Four filters of conv1 less halve conv1 and conv2: 24192 - 11664 = 12528 MACs, 48.2 % fewer.
  r.allocate(macs_target(small_network(), {.scaling = score_scaling::none}), 0.48);
  CHECK(r.kept1() == 4);
  CHECK(r.kept2() == 6);
}

TEST_CASE("what is gone stays gone and counts", "[allocation][macs_target]") {
  two_couplings r;
  r.scores1 = {5, 5, std::numeric_limits<float>::lowest(), 5, 5, 5, 5, 5};
  r.scores2 = {1, 2, 3, 4, 5, 6};
  r.keep1[2] = 0;
  const macs_target allocation(small_network());
  r.allocate(allocation, 0.0);
  CHECK(r.kept1() == 7);
  CHECK(r.kept2() == 6);
  r.allocate(allocation, 0.5);
  CHECK(r.keep1[2] == 0);
  CHECK(2 * r.macs() <= macs_of(8, 6));
}

TEST_CASE("a target below what the limits leave is refused with what can be reached",
          "[allocation][macs_target]") {
  two_couplings r;
  r.scores1 = {1, 2, 3, 4, 5, 6, 7, 8};
  r.scores2 = {1, 2, 3, 4, 5, 6};
  r.limits1 = {.min_kept = 4};
  r.limits2 = {.min_kept = 3};
  // At the limits 36*9*3*4 + 36*9*12 + 36*12 = 8208 of 24192 MACs are left: 66.07 % can go.
  const macs_target allocation(small_network());
  const support::thrown error =
      support::error_of<prunus::argument_error>([&] { r.allocate(allocation, 0.7); });
  CHECK(error.code == errc::unreachable_target);
  CHECK(error.says("0.66"));
  CHECK(r.kept1() == 8);
  CHECK(r.kept2() == 6);
  r.allocate(allocation, 0.66);
  CHECK(r.kept1() == 4);
  CHECK(r.kept2() == 3);
}

TEST_CASE("entries that are no couplings of the graph are refused", "[allocation][macs_target]") {
  const macs_target allocation(small_network());
  support::ranking<float> alone;
  alone.add("conv1.weight", {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(support::code_of<prunus::argument_error>([&] { alone.allocate(allocation, 0.5); }) ==
        errc::unsupported);
  support::ranking<float> other_size;
  other_size.add("conv1", {1, 2, 3});
  CHECK(support::code_of<prunus::argument_error>([&] { other_size.allocate(allocation, 0.5); }) ==
        errc::unsupported);
}

TEST_CASE("bad targets and scores are refused and nothing is written",
          "[allocation][macs_target]") {
  const macs_target allocation(small_network());
  two_couplings r;
  r.scores1 = {1, 2, 3, 4, 5, 6, 7, 8};
  r.scores2 = {1, 2, std::numeric_limits<float>::quiet_NaN(), 4, 5, 6};
  for (double wrong : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(allocation, wrong); }) ==
          errc::out_of_range);
  for (double target : {0.0, 0.4}) {
    const support::thrown error =
        support::error_of<prunus::value_error>([&] { r.allocate(allocation, target); });
    CHECK(error.code == errc::not_finite);
    CHECK(error.says("conv2"));
  }
  CHECK(r.kept1() == 8);
  CHECK(r.kept2() == 6);
}

TEST_CASE("graphs that do not resolve are refused when the allocation is made",
          "[allocation][macs_target]") {
  prunus::graph g;
  g.input("image", {3, 6, 6});
  g.convolution("conv1", "nobody", {.out_channels = 8});
  CHECK(support::code_of<prunus::argument_error>([&] { (void)macs_target(g); }) ==
        errc::unknown_name);
}
