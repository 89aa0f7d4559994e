// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/soft.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>    // std::numeric_limits
#include <optional>  // std::optional
#include <string>    // std::string
#include <utility>   // std::pair
#include <vector>    // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::coupling;
using prunus::errc;
using prunus::l1_norm;
using prunus::parameter_selection;
using prunus::pass;
using prunus::pass_state;
using values = std::vector<float>;

/// Two layers a and b whose outputs are added, a bias and a normalisation behind, and c that reads
/// the sum: positions 2u and 2u + 1 of its inputs are channel u.
struct residual {
  values a{1, 1, 2, 2, 3, 3, 4, 4};            // 4 x 2: l1 norms 2, 4, 6, 8
  values b{9, 9, 1, 1, 5, 5, 2, 2};            // 4 x 2: 18, 2, 10, 4; means with a: 10, 3, 8, 6
  values bias{1, 1, 1, 1}, scale{2, 2, 2, 2};  //
  values c = values(3 * 8, 1.0F);              // 3 x 8
  prunus::model<float> net;

  using stays = std::vector<std::optional<prunus::keep_reason>>;
  struct options {
    bool prunable = true;
    std::optional<bool> a_prunable{}, b_prunable{}, bias_prunable{};
    std::optional<prunus::limits> a_limits{};
  };
  explicit residual(options o) {
    net.add("a.weight", prunus::view(a, {4, 2}), {.prunable = o.a_prunable, .limits = o.a_limits});
    net.add("a.bias", prunus::view(bias), {.prunable = o.bias_prunable});
    net.add("b.weight", prunus::view(b, {4, 2}), {.prunable = o.b_prunable});
    net.add("norm.weight", prunus::view(scale));
    net.add("c.weight", prunus::view(c, {3, 8}));
    const std::vector<Index> each{0, 1, 2, 3};
    net.couple({{"sum",
                 4,
                 {{"a.weight", axis::out, each, true},
                  {"a.bias", axis::out, each, false},
                  {"b.weight", axis::out, each, true},
                  {"norm.weight", axis::out, each, false},
                  {"c.weight", axis::in, {0, 0, 1, 1, 2, 2, 3, 3}, true}},
                 o.prunable ? stays{} : stays(4, prunus::keep_reason::output_of_network)}});
  }
  residual(const residual&) = delete;
  residual& operator=(const residual&) = delete;
};

std::vector<std::string> ranked(const prunus::model<float>& net, prunus::tile tile,
                                parameter_selection in = {}) {
  std::vector<std::string> names;
  try {
    const pass_state state = pass{l1_norm{}, tile}.within(in).prepare(net);
    for (const auto& target : state.targets) names.push_back(target.name);
  } catch (const prunus::argument_error& e) {
    CHECK(e.code() == errc::empty_model);
  }
  return names;
}
using names = std::vector<std::string>;

/// Scores a unit by the sum of its readers' weights: what no criterion of single weights can see.
struct read_sum {
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>> scores) const {
    for (auto& score : scores) score = 1;
  }
  template <prunus::weight_scalar S>
  void score(const prunus::coupled_weights<S>& weights,
             std::span<prunus::score_of<S>> scores) const {
    for (const auto& m : weights.members) {
      const prunus::weight_view<S>& w = m.parameter->weight;
      if (m.along == axis::in)
        for (Index o = 0; o < w.extent(axis::out); ++o)
          for (Index i = 0; i < w.extent(axis::in); ++i)
            scores[static_cast<std::size_t>(m.unit_of[static_cast<std::size_t>(i)])] +=
                w(o, i, 0, 0);
    }
  }
};
static_assert(prunus::coupling_criterion<read_sum, float>);
static_assert(!prunus::coupling_criterion<l1_norm, float>);

}  // namespace

TEST_CASE("coupled filters go together, ranked by their mean score", "[pruning][coupling]") {
  residual r({.prunable = true});
  const auto result = prunus::prune(r.net, pass{l1_norm{}, prunus::filter}, 0.5);
  CHECK(r.a == values{1, 1, 0, 0, 3, 3, 0, 0});
  CHECK(r.b == values{9, 9, 0, 0, 5, 5, 0, 0});
  CHECK(result.report.achieved() == 0.5);
}

TEST_CASE("a group criterion sees all members of a coupling", "[pruning][coupling]") {
  residual r({.prunable = true});
  for (std::size_t o = 0; o < 3; ++o) r.c[8 * o + 5] = r.c[8 * o + 1] = -1;  // units 2 and 0
  prunus::prune(r.net, pass{read_sum{}, prunus::filter}, 0.5);
  CHECK(r.a == values{0, 0, 2, 2, 0, 0, 4, 4});
  CHECK(r.scale == values{0, 2, 0, 2});
}

TEST_CASE("biases and normalisations follow the filters they belong to", "[pruning][coupling]") {
  residual r({.prunable = true});
  r.bias[1] = std::numeric_limits<float>::quiet_NaN();  // not scored, so no error, and gone
  const auto result = prunus::prune(r.net, pass{l1_norm{}, prunus::filter}, 0.5);
  CHECK(r.bias == values{1, 0, 1, 0});
  CHECK(r.scale == values{2, 0, 2, 0});
  CHECK(r.c == values(24, 1.0F));  // what reads the channels is another axis: left to compaction
  REQUIRE(result.report.parameters.size() == 2);  // only what was ranked
  CHECK(result.report.parameters[0].name == "a.weight");
  CHECK(result.report.parameters[1].name == "b.weight");
}

TEST_CASE("with the tile channel the readers are ranked", "[pruning][coupling]") {
  residual r({.prunable = true});
  for (std::size_t o = 0; o < 3; ++o) {
    r.c[8 * o + 2] = 0.1F;  // unit 1 loses one of its two positions, unit 3 a bit of both
    r.c[8 * o + 6] = 0.8F;
    r.c[8 * o + 7] = 0.8F;
  }
  CHECK(ranked(r.net, prunus::channel, parameter_selection{{"c.*"}}) == names{"sum"});
  prunus::prune(r.net, pass{l1_norm{}, prunus::channel}.within({.include = {"c.*"}}), 0.5);
  for (std::size_t o = 0; o < 3; ++o)
    CHECK(values(r.c.begin() + static_cast<Index>(8 * o),
                 r.c.begin() + static_cast<Index>(8 * o + 8)) == values{1, 1, 0, 0, 1, 1, 0, 0});
  CHECK(r.a == values{1, 1, 2, 2, 3, 3, 4, 4});
}

TEST_CASE("tiles of less than whole channels do not look at couplings", "[pruning][coupling]") {
  residual r({.prunable = true});
  CHECK(ranked(r.net, prunus::element) == names{"a.weight", "b.weight", "c.weight"});
  CHECK(ranked(r.net, prunus::filter) == names{"sum"});
}

TEST_CASE("several neighbouring outputs go together with what is coupled to them",
          "[pruning][coupling]") {
  residual r({.prunable = true});
  CHECK(ranked(r.net, prunus::head(2)) == names{"sum"});
  // Norms of the pairs: a 6 and 14, b 20 and 14, so 13 and 14 in the mean.
  prunus::prune(r.net, pass{l1_norm{}, prunus::head(2)}, 0.5);
  CHECK(r.a == values{0, 0, 0, 0, 3, 3, 4, 4});
  CHECK(r.b == values{0, 0, 0, 0, 5, 5, 2, 2});
  CHECK(r.bias == values{0, 0, 1, 1});
  residual by_readers({.prunable = true});
  for (std::size_t o = 0; o < 3; ++o) by_readers.c[8 * o + 7] = -3;  // unit 3
  prunus::prune(by_readers.net, pass{read_sum{}, prunus::head(2)}, 0.5);
  CHECK(by_readers.a == values{1, 1, 2, 2, 0, 0, 0, 0});
}

TEST_CASE("a coupling that must not be pruned is left alone unless asked for",
          "[pruning][coupling][law3]") {
  CHECK(ranked(residual({.prunable = false}).net, prunus::filter).empty());
  CHECK(ranked(residual({.prunable = false, .b_prunable = true}).net, prunus::filter) ==
        names{"sum"});
  CHECK(ranked(residual({.prunable = true, .a_prunable = false}).net, prunus::filter).empty());
  CHECK(ranked(residual({.prunable = false, .a_prunable = true, .b_prunable = false}).net,
               prunus::filter)
            .empty());
}

TEST_CASE("what follows stays where it is marked or excluded, and need not be included",
          "[pruning][coupling][scope]") {
  const auto after = [](parameter_selection in, bool bias_prunable) {
    residual r({.prunable = true, .bias_prunable = bias_prunable});
    prunus::prune(r.net, pass{l1_norm{}, prunus::filter}.within(in), 0.25);
    return std::pair{r.bias, r.scale};
  };
  const values kept{1, 1, 1, 1}, cut{1, 0, 1, 1}, scale{2, 2, 2, 2}, cut_scale{2, 0, 2, 2};
  CHECK(after({}, true) == std::pair{cut, cut_scale});
  CHECK(after({.include = {"*.weight"}}, true) == std::pair{cut, cut_scale});
  CHECK(after({}, false) == std::pair{kept, cut_scale});
  CHECK(after({.exclude = {"*.bias"}}, true) == std::pair{kept, cut_scale});
  CHECK(after({.exclude = {"norm.*"}}, true) == std::pair{cut, scale});
}

TEST_CASE("a coupling is pruned only when all its filters are in the scope",
          "[pruning][coupling]") {
  residual r({.prunable = true});
  CHECK(ranked(r.net, prunus::filter, {.exclude = {"b.*"}}).empty());
  CHECK(ranked(r.net, prunus::filter, {.exclude = {"norm.*", "c.*"}}) == names{"sum"});
}

TEST_CASE("limits of a member are limits of its coupling", "[pruning][coupling]") {
  residual r({.prunable = true, .a_limits = prunus::limits{.min_kept = 3}});
  prunus::prune(r.net, pass{l1_norm{}, prunus::filter}, 0.9);
  CHECK(r.a == values{1, 1, 0, 0, 3, 3, 4, 4});
}

TEST_CASE("parameters of no coupling are ranked beside the couplings when asked for",
          "[pruning][coupling]") {
  residual r({.prunable = true});
  values d{1, 1, 20, 20};
  r.net.add("d.weight", prunus::view(d, {2, 2}), {.prunable = true});
  CHECK(ranked(r.net, prunus::filter) == names{"sum", "d.weight"});  // nobody reads c's outputs
  prunus::prune(r.net,
                pass{l1_norm{}, prunus::filter, prunus::global{}}.within({.exclude = {"c.*"}}),
                0.34);  // two of six: d's first (2) and unit 1 (3)
  CHECK(d == values{0, 0, 20, 20});
  CHECK(r.bias == values{1, 0, 1, 1});
}

TEST_CASE("layers behind a concatenation are ranked apart, and each keeps a filter",
          "[pruning][coupling][law3]") {
  values a{1, 1, 2, 2}, b{9, 8, 7, 6}, c(2 * 6, 1.0F);  // 2 x 2, 4 x 1, both read by c
  prunus::model<float> net;
  net.add("a.weight", prunus::view(a, {2, 2}));
  net.add("b.weight", prunus::view(b, {4, 1}));
  net.add("c.weight", prunus::view(c, {2, 6}));
  net.couple({{"a",
               6,
               {{"a.weight", axis::out, {0, 1}},
                {"b.weight", axis::out, {2, 3, 4, 5}},
                {"c.weight", axis::in, {0, 1, 2, 3, 4, 5}}}}});
  const parameter_selection producers{.include = {"a.*", "b.*"}};
  CHECK(ranked(net, prunus::filter, producers) == names{"a", "b"});
  CHECK(ranked(net, prunus::filter, {.include = {"b.*"}}) == names{"a"});
  const auto half = prunus::prune(net, pass{l1_norm{}, prunus::filter}.within(producers), 0.5);
  CHECK(a == values{0, 0, 2, 2});
  CHECK(b == values{9, 8, 0, 0});
  CHECK(half.report.achieved() == 0.5);
  CHECK(half.report.remarks.empty());
  const auto most =
      prunus::prune(net, pass{l1_norm{}, prunus::filter, prunus::global{}}.within(producers), 0.66);
  CHECK(a == values{0, 0, 2, 2});  // its last one has the lowest score of all
  CHECK(b == values{9, 0, 0, 0});
  CHECK(most.report.achieved() == Approx(4.0 / 6));
}

TEST_CASE("a coupled soft selection can grow back together", "[pruning][coupling]") {
  residual r({.prunable = true});
  const pass p{l1_norm{}, prunus::filter, prunus::uniform{}, prunus::soft{.dependents = true}};
  prunus::pass_state state = p.prepare(r.net);
  p.prune(r.net, state, 1, 0.25);
  CHECK(r.bias == values{1, 0, 1, 1});
  r.a[2] = 100;
  p.prune(r.net, state, 2, 0.25);  // unit 3 has the smallest mean now
  CHECK(r.a == values{1, 1, 100, 0, 3, 3, 0, 0});
  CHECK(r.bias == values{1, 0, 1, 0});  // zeroed before, and free
  CHECK(state["a.bias"][1]);
  CHECK_FALSE(state["a.bias"][3]);
}

TEST_CASE("an error of the coupled scores names the coupling and leaves the selection",
          "[pruning][coupling]") {
  residual r({.prunable = true});
  const pass p{l1_norm{}, prunus::filter, prunus::uniform{}, prunus::soft{}};
  prunus::pass_state state = p.prepare(r.net);
  p.prune(r.net, state, 1, 0.25);
  r.b[7] = std::numeric_limits<float>::quiet_NaN();
  const support::thrown error =
      support::error_of<prunus::value_error>([&] { p.prune(r.net, state, 2, 0.5); });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("sum"));
  CHECK_FALSE(state["a.weight"][1]);
  CHECK(state.targets[0].coupled_keep == std::vector<std::uint8_t>{1, 0, 1, 1});
}

TEST_CASE("a unit that no parameter has counts as nothing", "[pruning][coupling]") {
  values a{1, 2};  // the outputs 0 and 2 of three; between them a channel of zeros
  prunus::model<float> net;
  net.add("a", prunus::view(a, {2, 1}), {.prunable = true});
  net.couple({prunus::coupling{"sum", 3, {{"a", prunus::axis::out, {0, 2}}}}});
  const pass p{l1_norm{}, prunus::filter};
  prunus::pass_state state = p.prepare(net);
  CHECK(state.targets[0].coupled_keep.size() == 2);
  CHECK(p.prune(net, state, 1, 0.2).achieved() == 0);
  CHECK(a == values{1, 2});
  CHECK(p.prune(net, state, 2, 0.5).achieved() == 0.5);
  CHECK(a == values{0, 2});
}
