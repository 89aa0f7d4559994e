// SPDX-License-Identifier: MIT
#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/adaptive/static_export.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstdint>  // std::uint8_t
#include <string>   // std::string
#include <vector>   // std::vector

using prunus::errc;
using prunus::gate_statistics;
using prunus::Index;
using flags = std::vector<std::uint8_t>;

TEST_CASE("statistics say how often each channel opened", "[gates][gate_statistics]") {
  gate_statistics s("conv.weight", 3);
  CHECK(s.open_share(0) == 1);
  CHECK(s.mean_open_share() == 1);
  s.record(flags{1, 0, 1, 1, 0, 0});
  s.record(flags{1, 1, 0, 1, 0, 0});
  s.record({30, 100, 4, 0}, 8);
  CHECK(s.samples() == 4);
  CHECK(s.open_share(0) == 1);
  CHECK(s.open_share(1) == 0.25);
  CHECK(s.open_share(2) == 0.25);
  CHECK(s.mean_open_share() == 0.5);
  CHECK(s.rarely_open(0.25).empty());
  CHECK(s.rarely_open(0.3) == std::vector<Index>{1, 2});
  CHECK(s.work().share() == 0.3);
  CHECK(s.gate_macs() == 8);
}

TEST_CASE("statistics of parts add up to those of the whole", "[gates][gate_statistics]") {
  gate_statistics whole("w", 2), first("w", 2), second("w", 2);
  whole.record(flags{1, 0, 0, 1, 1, 1});
  first.record(flags{1, 0});
  second.record(flags{0, 1, 1, 1});
  whole.record({1, 2, 3, 0}, 4);
  second.record({1, 2, 3, 0}, 4);
  first += second;
  CHECK(first == whole);
  whole.clear();
  CHECK(whole == gate_statistics("w", 2));
}

TEST_CASE("statistics refuse flags and layers that are not theirs", "[gates][gate_statistics]") {
  gate_statistics s("w", 2);
  const auto code = [](auto call) { return support::code_of<prunus::shape_error>(call); };
  CHECK(code([&] { s.record(flags{1}); }) == errc::shape_mismatch);
  CHECK(code([&] { s += gate_statistics("w", 3); }) == errc::shape_mismatch);
  CHECK(code([&] { s += gate_statistics("v", 2); }) == errc::shape_mismatch);
  CHECK(support::code_of<prunus::argument_error>([] { gate_statistics("w", 0); }) ==
        errc::out_of_range);
}

TEST_CASE("channels that hardly ever open are planned away", "[gates][static_export]") {
  prunus::graph g;
  const std::string x = g.input("image", {2, 4, 4});
  const std::string a = g.relu("relu", g.convolution("conv", x, {.out_channels = 4}));
  g.linear("fc", g.flatten("flatten", a), {.out_features = 2});
  gate_statistics s("conv.weight", 4);
  s.record(flags{1, 0, 1, 0, 1, 0, 0, 0});  // open in 2, 0, 1 and 0 of 2 samples
  const std::vector<gate_statistics> all{s};
  const prunus::plan never = prunus::plan_static_export(g, all, 0.01);
  CHECK(prunus::kept_outputs(never, "conv.weight", 4) == std::vector<Index>{0, 2});
  CHECK(prunus::kept_outputs(never, "fc.weight", 2) == std::vector<Index>{0, 1});
  const prunus::plan hardly = prunus::plan_static_export(g, all, 0.6);
  CHECK(prunus::kept_outputs(hardly, "conv.weight", 4) == std::vector<Index>{0});
  CHECK(prunus::plan_static_export(g, all, 0).removed.empty());

  gate_statistics closed("conv.weight", 4);
  closed.record(flags{0, 0, 0, 0});
  const prunus::plan last = prunus::plan_static_export(g, std::vector{closed}, 1);
  CHECK(prunus::kept_outputs(last, "conv.weight", 4).size() == 1);
  CHECK(last.kept.size() == 1);
}

TEST_CASE("an export needs samples, a share and a graph that has the weights",
          "[gates][static_export]") {
  prunus::graph g;
  g.linear("fc", g.input("x", {3, 1, 1}), {.out_features = 2});
  const auto code = [&](const gate_statistics& s, double share) {
    return support::code_of<prunus::argument_error>(
        [&] { static_cast<void>(prunus::plan_static_export(g, std::vector{s}, share)); });
  };
  gate_statistics seen("other.weight", 2);
  CHECK(code(seen, 0.1) == errc::out_of_range);
  seen.record(flags{1, 0});
  CHECK(code(seen, 0.1) == errc::unknown_name);
  CHECK(code(seen, 1.1) == errc::out_of_range);
}
