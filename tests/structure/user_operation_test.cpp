// SPDX-License-Identifier: MIT
// Operations as a user writes them: with public headers, without a change to the library.
#include <prunus/allocation/macs_target.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/operation_laws.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace {

using prunus::channel_map;
using prunus::channel_value;
using prunus::Index;
using prunus::tensor_shape;
using std::size_t;

[[noreturn]] void refuse(const std::string& why) {
  throw prunus::graph_error(prunus::errc::bad_node, why);
}

/// ShuffleNet's shuffle: channel i of group g becomes channel i * groups + g, so that the groups of
/// the next convolution read channels of all groups of the last one. (X. Zhang et al., 2018.)
///
/// Its smaller self is a shuffle again, of as many groups: so channel i of all groups goes at once.
/// An operation with a list of channels could lose single ones, but would be no shuffle any more,
/// nothing that a reshape and a transposition compute; and grouped convolutions, between which it
/// stands, tie the same channels anyway.
struct channel_shuffle {
  static constexpr std::string_view kind = "channel_shuffle";

  Index groups = 1;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1 || groups < 1 || inputs[0].channels % groups != 0)
      refuse("a shuffle takes one input, whose channels the groups divide");
    return {.shape = inputs[0]};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    const std::vector<Index> from = order(inputs[0].channels);
    channel_map map = channel_map::permuted(from);
    map.tie_groups(0, inputs[0].channels, groups);
    return map;
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    std::vector<channel_value> result;
    for (const Index c : order(inputs.shape(0).channels))
      result.push_back(inputs[0][static_cast<size_t>(c)]);
    return result;
  }
  [[nodiscard]] channel_shuffle shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const channel_shuffle&, const channel_shuffle&) = default;

  /// The channel of the input that each of the result is.
  [[nodiscard]] std::vector<Index> order(Index channels) const {
    std::vector<Index> from;
    for (Index i = 0; i < channels / groups; ++i)
      for (Index g = 0; g < groups; ++g) from.push_back(g * (channels / groups) + i);
    return from;
  }
};

/// Channels in any order; each may go, and the order of the others stays.
struct reorder {
  static constexpr std::string_view kind = "reorder";

  std::vector<Index> order;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1 || inputs[0].channels != static_cast<Index>(order.size()))
      refuse("reorder takes one input, of as many channels as its order");
    return {.shape = inputs[0]};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape>) const {
    return channel_map::permuted(order);
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    std::vector<channel_value> result;
    for (const Index c : order) result.push_back(inputs[0][static_cast<size_t>(c)]);
    return result;
  }
  [[nodiscard]] reorder shrunk(const prunus::kept_channels& kept) const {
    reorder smaller;
    for (const Index c : order)
      if (kept.inputs[0][static_cast<size_t>(c)] != 0)
        smaller.order.push_back(prunus::kept_channels::among(kept.inputs[0], 0, c));
    return smaller;
  }
  friend bool operator==(const reorder&, const reorder&) = default;
};

/// Some channels in a row; nothing comes of the others.
struct channel_slice {
  static constexpr std::string_view kind = "channel_slice";

  Index first = 0;
  Index count = 1;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1 || first < 0 || count < 1 || first + count > inputs[0].channels)
      refuse("a slice takes one input that has these channels");
    return {.shape = {count, inputs[0].height, inputs[0].width}};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map;
    for (Index c = 0; c < inputs[0].channels; ++c)
      (c >= first && c < first + count ? map.from : map.unread).push_back({0, c});
    return map;
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    return {inputs[0].begin() + first, inputs[0].begin() + first + count};
  }
  [[nodiscard]] channel_slice shrunk(const prunus::kept_channels& kept) const {
    return {prunus::kept_channels::among(kept.inputs[0], 0, first), kept.results()};
  }
  friend bool operator==(const channel_slice&, const channel_slice&) = default;
};

/// A 1 x 1 transposed convolution, whose weight is in x out.
struct transposed_convolution {
  static constexpr std::string_view kind = "transposed_convolution";

  Index out_channels = 0;
  bool bias = true;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1 || out_channels < 1) refuse("takes one input, makes channels");
    const tensor_shape& in = inputs[0];
    prunus::node_description node{.shape = {out_channels, in.height, in.width}};
    node.parameters.push_back({.name = "weight",
                               .shape = {in.channels, out_channels, 1, 1},
                               .axes = prunus::layout("IOHW"),
                               .reads = prunus::channel_reading{}});
    if (bias)
      node.parameters.push_back(
          {.name = "bias", .shape = {out_channels}, .role = prunus::parameter_role::bias});
    node.work.push_back({.each = in.plane(), .pairs_with = 0});
    return node;
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape>) const {
    return channel_map::fresh(out_channels);
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    return inputs.weighted();
  }
  [[nodiscard]] transposed_convolution shrunk(const prunus::kept_channels& kept) const {
    return {.out_channels = kept.results(), .bias = bias || kept.gains_bias};
  }
  friend bool operator==(const transposed_convolution&, const transposed_convolution&) = default;
};

/// Multiplies each channel by a learned factor.
struct channel_scale {
  static constexpr std::string_view kind = "channel_scale";

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1) refuse("takes one input");
    return {.shape = inputs[0],
            .parameters = {{.name = "gamma",
                            .shape = {inputs[0].channels},
                            .role = prunus::parameter_role::scale}}};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    const prunus::tensor_reader& scale = inputs[prunus::parameter_role::scale];
    auto result = inputs.mapped([&](Index c, double x) { return x * scale(c); });
    for (size_t c = 0; c < result.size(); ++c)
      if (scale(static_cast<Index>(c)) == 0) result[c] = channel_value::of(0);
    return result;
  }
  [[nodiscard]] channel_scale shrunk(const prunus::kept_channels&) const { return {}; }
  friend bool operator==(const channel_scale&, const channel_scale&) = default;
};

// What the oracle makes of them.

naive::operation shuffled(const naive::shape& s, const std::vector<Index>& from) {
  return {s, {}, [s, from](const naive::tensors& in, const naive::named_values&) {
            return naive::computed{naive::filled(s, [&](Index c, Index y, Index x) {
              return in[0](from.at(static_cast<size_t>(c)), y, x);
            })};
          }};
}
/// By reshaping and transposing, as frameworks do it.
template <class Shuffle>
naive::operation twin_of_shuffle(const Shuffle& op, const naive::shapes& from) {
  const naive::shape s = from.at(0);
  std::vector<Index> source(static_cast<size_t>(s.channels));
  const Index size = s.channels / op.groups;
  for (Index c = 0; c < s.channels; ++c)
    source[static_cast<size_t>(c % size * op.groups + c / size)] = c;
  return shuffled(s, source);
}
naive::operation twin_of_transposed(const transposed_convolution& op, const naive::shapes& from) {
  const naive::shape in = from.at(0), out{op.out_channels, in.height, in.width};
  naive::operation result{out, {{"weight", {in.channels, out.channels, 1, 1}}}};
  if (op.bias) result.parameters.push_back({"bias", {out.channels}});
  result.compute = [=](const naive::tensors& x, const naive::named_values& p) {
    naive::computed done;
    done.data = naive::filled(out, [&](Index o, Index row, Index column) {
      double sum = op.bias ? p.at("bias").at(static_cast<size_t>(o)) : 0.0;
      for (Index i = 0; i < in.channels; ++i, ++done.macs)
        sum += p.at("weight").at(static_cast<size_t>(o * in.channels + i)) * x[0](i, row, column);
      return sum;
    });
    return done;
  };
  return result;
}
naive::operation twin_of_scale(const channel_scale&, const naive::shapes& from) {
  const naive::shape s = from.at(0);
  return {
      s, {{"gamma", {s.channels}}}, [s](const naive::tensors& in, const naive::named_values& p) {
        return naive::computed{naive::filled(s, [&](Index c, Index y, Index x) {
          return p.at("gamma").at(static_cast<size_t>(c)) * in[0](c, y, x);
        })};
      }};
}

naive::evaluator taught() {
  naive::evaluator oracle;
  oracle.teach<channel_shuffle>(twin_of_shuffle<channel_shuffle>);
  oracle.teach<reorder>(
      [](const reorder& op, const naive::shapes& from) { return shuffled(from.at(0), op.order); });
  oracle.teach<channel_slice>([](const channel_slice& op, const naive::shapes& from) {
    std::vector<Index> source;
    for (Index c = 0; c < op.count; ++c) source.push_back(op.first + c);
    return shuffled({op.count, from.at(0).height, from.at(0).width}, source);
  });
  oracle.teach<transposed_convolution>(twin_of_transposed);
  oracle.teach<channel_scale>(twin_of_scale);
  return oracle;
}

// Wrong versions.

/// Forgets that channels change places.
struct shuffle_that_says_same : channel_shuffle {
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  [[nodiscard]] shuffle_that_says_same shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const shuffle_that_says_same&, const shuffle_that_says_same&) = default;
};
/// Knows the places, but lets any channel go.
struct shuffle_without_ties : channel_shuffle {
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::permuted(order(inputs[0].channels));
  }
  [[nodiscard]] shuffle_without_ties shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const shuffle_without_ties&, const shuffle_without_ties&) = default;
};
/// Says of each channel what the one in its place was.
struct shuffle_of_other_constants : channel_shuffle {
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    return inputs[0];
  }
  [[nodiscard]] shuffle_of_other_constants shrunk(const prunus::kept_channels&) const {
    return *this;
  }
  friend bool operator==(const shuffle_of_other_constants&,
                         const shuffle_of_other_constants&) = default;
};
/// A scale of zero only makes a zero of what is finite and alive; a small one makes nothing.
struct scale_that_calls_small_zero : channel_scale {
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    const prunus::tensor_reader& scale = inputs[prunus::parameter_role::scale];
    auto result = channel_scale::constants(inputs);
    for (size_t c = 0; c < result.size(); ++c)
      if (std::abs(scale(static_cast<Index>(c))) < 0.2) result[c] = channel_value::of(0);
    return result;
  }
  [[nodiscard]] scale_that_calls_small_zero shrunk(const prunus::kept_channels&) const {
    return {};
  }
  friend bool operator==(const scale_that_calls_small_zero&,
                         const scale_that_calls_small_zero&) = default;
};
/// Forgets the bias that it is to gain.
struct transposed_without_gain : transposed_convolution {
  [[nodiscard]] transposed_without_gain shrunk(const prunus::kept_channels& kept) const {
    return {{.out_channels = kept.results(), .bias = bias}};
  }
  friend bool operator==(const transposed_without_gain&, const transposed_without_gain&) = default;
};
/// Counts multiply-adds as if the kernel were 1 x 1 at one position.
struct transposed_at_one_position : transposed_convolution {
  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    prunus::node_description node = transposed_convolution::describe(inputs);
    node.work[0].each = 1;
    return node;
  }
  [[nodiscard]] transposed_at_one_position shrunk(const prunus::kept_channels& kept) const {
    return {transposed_convolution::shrunk(kept)};
  }
  friend bool operator==(const transposed_at_one_position&,
                         const transposed_at_one_position&) = default;
};
/// States no work.
struct transposed_for_free : transposed_convolution {
  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    prunus::node_description node = transposed_convolution::describe(inputs);
    node.work.clear();
    return node;
  }
  [[nodiscard]] transposed_for_free shrunk(const prunus::kept_channels& kept) const {
    return {transposed_convolution::shrunk(kept)};
  }
  friend bool operator==(const transposed_for_free&, const transposed_for_free&) = default;
};
/// All are equal.
struct shuffle_without_equality : channel_shuffle {
  [[nodiscard]] shuffle_without_equality shrunk(const prunus::kept_channels&) const {
    return *this;
  }
  friend bool operator==(const shuffle_without_equality&, const shuffle_without_equality&) {
    return true;
  }
};
/// Takes any number of inputs and looks at the first.
struct shuffle_of_anything : channel_shuffle {
  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.empty()) refuse("takes one input");
    return channel_shuffle::describe(inputs.first(1));
  }
  [[nodiscard]] shuffle_of_anything shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const shuffle_of_anything&, const shuffle_of_anything&) = default;
};

/// Each channel of the result is a sum over all of the input; how it depends on them nobody says.
struct mixer {
  static constexpr std::string_view kind = "mixer";

  Index out_channels = 0;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 1) refuse("takes one input");
    return {.shape = {out_channels, inputs[0].height, inputs[0].width}};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape>) const {
    return channel_map::fresh(out_channels);
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] mixer shrunk(const prunus::kept_channels& kept) const { return {kept.results()}; }
  friend bool operator==(const mixer&, const mixer&) = default;
};
/// The same, but claims that nothing comes of its inputs.
struct mixer_that_reads_nothing : mixer {
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map = channel_map::fresh(out_channels);
    for (Index c = 0; c < inputs[0].channels; ++c) map.unread.push_back({0, c});
    return map;
  }
  [[nodiscard]] mixer_that_reads_nothing shrunk(const prunus::kept_channels& kept) const {
    return {mixer::shrunk(kept)};
  }
  friend bool operator==(const mixer_that_reads_nothing&,
                         const mixer_that_reads_nothing&) = default;
};
/// The same, and its inputs go only together, which says nothing of the result.
struct mixer_of_tied_inputs : mixer {
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map = channel_map::fresh(out_channels);
    for (Index c = 1; c < inputs[0].channels; ++c) map.ties.push_back({{0, 0}, {0, c}});
    return map;
  }
  [[nodiscard]] mixer_of_tied_inputs shrunk(const prunus::kept_channels& kept) const {
    return {mixer::shrunk(kept)};
  }
  friend bool operator==(const mixer_of_tied_inputs&, const mixer_of_tied_inputs&) = default;
};
template <class Mixer>
naive::operation twin_of_mixer(const Mixer& op, const naive::shapes& from) {
  const naive::shape in = from.at(0), s{op.out_channels, in.height, in.width};
  return {s, {}, [=](const naive::tensors& t, const naive::named_values&) {
            return naive::computed{naive::filled(s, [&](Index, Index y, Index x) {
              double sum = 0;
              for (Index i = 0; i < in.channels; ++i) sum += t[0](i, y, x);
              return sum;
            })};
          }};
}

/// Weighs the channels of its first input with the sum of all channels of the second, of which it
/// says nothing.
struct gate_by_sum {
  static constexpr std::string_view kind = "gate_by_sum";

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.size() != 2) refuse("takes what is weighed and what it is weighed with");
    return {.shape = inputs[0]};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs.first(1));
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] gate_by_sum shrunk(const prunus::kept_channels&) const { return {}; }
  friend bool operator==(const gate_by_sum&, const gate_by_sum&) = default;
};
naive::operation twin_of_gate(const gate_by_sum&, const naive::shapes& from) {
  const naive::shape s = from.at(0), other = from.at(1);
  return {s, {}, [=](const naive::tensors& t, const naive::named_values&) {
            return naive::computed{naive::filled(s, [&](Index c, Index y, Index x) {
              double sum = 0;
              for (Index i = 0; i < other.channels; ++i) sum += t[1](i, y, x);
              return sum * t[0](c, y, x);
            })};
          }};
}

/// A layer in which every channel counts, zeros too: there is a softmax before its weight.
struct softmax_weighted : transposed_convolution {
  [[nodiscard]] channel_map channels(std::span<const tensor_shape>) const {
    channel_map map = channel_map::fresh(out_channels);
    map.keeps = prunus::keep_reason::layer_norm;
    return map;
  }
  [[nodiscard]] softmax_weighted shrunk(const prunus::kept_channels& kept) const {
    return {transposed_convolution::shrunk(kept)};
  }
  friend bool operator==(const softmax_weighted&, const softmax_weighted&) = default;
};

/// The laws that an operation breaks whose naive twin is that of the right one.
template <class Operation, class Twin>
std::vector<std::string> violations_of(const Operation& op, const tensor_shape& input, Twin twin) {
  naive::evaluator oracle;
  oracle.teach<Operation>(twin);
  return support::operation_violations(op, {input}, {.oracle = oracle});
}
/// At least one of the violations speaks of that.
bool speak_of(const std::vector<std::string>& violations, std::string_view what) {
  return std::any_of(violations.begin(), violations.end(),
                     [&](const std::string& v) { return v.find(what) != v.npos; });
}

}  // namespace

TEST_CASE("operations of a user keep the laws", "[structure][operation]") {
  const naive::evaluator oracle = taught();
  using support::check_operation_laws;
  check_operation_laws(channel_shuffle{.groups = 2}, {{8, 3, 2}},
                       {.oracle = oracle, .different = channel_shuffle{.groups = 4}});
  check_operation_laws(channel_shuffle{.groups = 3}, {{6, 3, 3}}, {.oracle = oracle});
  check_operation_laws(channel_shuffle{.groups = 4}, {{4, 2, 2}}, {.oracle = oracle});
  check_operation_laws(reorder{{4, 0, 3, 1, 2}}, {{5, 3, 3}},
                       {.oracle = oracle, .different = reorder{{0, 1, 2, 3, 4}}});
  check_operation_laws(channel_slice{.first = 2, .count = 3}, {{7, 3, 2}},
                       {.oracle = oracle, .different = channel_slice{.first = 1, .count = 3}});
  check_operation_laws(channel_slice{.first = 0, .count = 4}, {{4, 2, 2}}, {.oracle = oracle});
  check_operation_laws(transposed_convolution{.out_channels = 4}, {{5, 3, 2}},
                       {.oracle = oracle, .different = transposed_convolution{.out_channels = 3}});
  check_operation_laws(transposed_convolution{.out_channels = 3, .bias = false}, {{6, 2, 2}},
                       {.oracle = oracle});
  check_operation_laws(channel_scale{}, {{5, 3, 3}}, {.oracle = oracle});
}

TEST_CASE("a shuffle that says wrong things of its channels is found out",
          "[structure][operation]") {
  CHECK(violations_of(channel_shuffle{.groups = 2}, {8, 3, 2}, twin_of_shuffle<channel_shuffle>)
            .empty());
  const auto same = violations_of(shuffle_that_says_same{{.groups = 2}}, {8, 3, 2},
                                  twin_of_shuffle<shuffle_that_says_same>);
  CHECK(speak_of(same, "channels: number 1 of the result changes with number 4 of input 0"));
  CHECK(speak_of(same, "compacted, it differs"));
  const auto untied = violations_of(shuffle_without_ties{{.groups = 2}}, {8, 3, 2},
                                    twin_of_shuffle<shuffle_without_ties>);
  CHECK(speak_of(untied, "compacted, it differs"));
}

TEST_CASE("constants that are none are found out", "[structure][operation]") {
  CHECK(speak_of(violations_of(shuffle_of_other_constants{{.groups = 2}}, {8, 3, 2},
                               twin_of_shuffle<shuffle_of_other_constants>),
                 "constants: channel"));
  const auto small = violations_of(scale_that_calls_small_zero{}, {6, 3, 2}, twin_of_scale);
  CHECK(speak_of(small, "constants: channel"));
  CHECK(speak_of(small, "is not 0 everywhere"));
}

TEST_CASE("descriptions and smaller selves that do not fit are found out",
          "[structure][operation]") {
  CHECK(speak_of(violations_of(transposed_without_gain{{.out_channels = 4, .bias = false}},
                               {6, 2, 2}, twin_of_transposed),
                 "shrunk: it forgets a tensor"));
  CHECK(speak_of(
      violations_of(transposed_at_one_position{{.out_channels = 4}}, {6, 2, 2}, twin_of_transposed),
      "multiply-adds"));
  CHECK(speak_of(violations_of(shuffle_of_anything{{.groups = 2}}, {4, 2, 2},
                               twin_of_shuffle<shuffle_of_anything>),
                 "takes 2 inputs, and does not say what becomes of number 1"));
  naive::evaluator oracle;
  oracle.teach<shuffle_without_equality>(twin_of_shuffle<shuffle_without_equality>);
  CHECK(speak_of(support::operation_violations(
                     shuffle_without_equality{{.groups = 2}}, {{4, 2, 2}},
                     {.oracle = oracle, .different = shuffle_without_equality{{.groups = 4}}}),
                 "equality: other attributes are equal"));
}

TEST_CASE("what reaches an operation that does not say how it uses it stays, and the plan says so",
          "[structure][operation]") {
  CHECK(violations_of(mixer{3}, {5, 2, 2}, twin_of_mixer<mixer>).empty());
  CHECK(speak_of(
      violations_of(mixer_of_tied_inputs{{3}}, {5, 2, 2}, twin_of_mixer<mixer_of_tied_inputs>),
      "is neither tied to it nor reads it"));
  CHECK(speak_of(violations_of(mixer_that_reads_nothing{{3}}, {5, 2, 2},
                               twin_of_mixer<mixer_that_reads_nothing>),
                 "is neither tied to it nor reads it"));

  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.convolution("before", "image", {.out_channels = 5});
  g.node("mix", mixer{4}, {"before"});
  g.convolution("after", "mix", {.out_channels = 2});
  random_graph::source random(1);
  random_graph::network net = random_graph::with_random_weights(g, random);
  for (double& w : net.tensors["before.weight"].values) w = 0;
  for (double& w : net.tensors["before.bias"].values) w = 0;
  for (Index o = 0; o < 2; ++o) net.model["after.weight"].weight(o, 1) = 0;

  const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
  CHECK(plan.opaque == std::vector<prunus::plan::opaque_node>{{"mix", "mixer", 5}});
  const auto& couplings = net.structure.couplings();
  CHECK_FALSE(
      couplings[static_cast<std::size_t>(net.structure.find_coupling("before"))].prunable());
  CHECK(couplings[static_cast<std::size_t>(net.structure.find_coupling("mix"))].prunable());
  CHECK(prunus::to_text(plan).find("the 5 channels that reach mix") != std::string::npos);
  REQUIRE(plan.removed.size() == 1);  // what it makes may go: nobody reads it
  CHECK(plan.removed[0].coupling == "mix");
  CHECK(plan.removed[0].unit == 1);
  CHECK(plan.find("before.weight") == nullptr);
  const prunus::plan asked = prunus::plan_removal(net.structure, {{"before", {1, 2}}});
  CHECK(asked.removed.empty());
  CHECK(asked.kept.size() == 2);

  prunus::graph tied;  // wrong, but no plan is made of it
  tied.input("image", {2, 3, 3});
  tied.convolution("before", "image", {.out_channels = 5});
  tied.node("mix", mixer_of_tied_inputs{{4}}, {"before"});
  tied.convolution("after", "mix", {.out_channels = 2});
  const prunus::plan of_tied = prunus::plan_removal(tied, {{"before", {0}}});
  CHECK(of_tied.removed.empty());
  CHECK(of_tied.opaque ==
        std::vector<prunus::plan::opaque_node>{{"mix", std::string(mixer::kind), 5}});
}

TEST_CASE("channels that an operation leaves unread go", "[structure][operation]") {
  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.convolution("before", "image", {.out_channels = 6});
  g.node("middle", channel_slice{.first = 1, .count = 3}, {"before"});
  g.convolution("after", "middle", {.out_channels = 2});
  random_graph::source random(1);
  const random_graph::network net = random_graph::with_random_weights(g, random);
  const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
  REQUIRE(plan.find("before.weight") != nullptr);
  CHECK(plan.find("before.weight")->out == std::vector<Index>{0, 4, 5});
  CHECK(plan.opaque.empty());
  CHECK(*prunus::compact(net.structure, plan).nodes()[2].operation.as<channel_slice>() ==
        channel_slice{.first = 0, .count = 3});
}

TEST_CASE("a channel that is known of one input may be unknown of another",
          "[structure][operation]") {
  naive::evaluator oracle;
  oracle.teach<gate_by_sum>(twin_of_gate);
  support::check_operation_laws(gate_by_sum{}, {{5, 3, 2}, {5, 3, 2}}, {.oracle = oracle});

  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.convolution("before", "image", {.out_channels = 4});
  g.node("gate", gate_by_sum{}, {"before", g.relu("rectified", "before")});
  g.convolution("after", "gate", {.out_channels = 2});
  random_graph::source random(1);
  const random_graph::network net = random_graph::with_random_weights(g, random);
  for (Index o = 0; o < 2; ++o) net.model["after.weight"].weight(o, 1) = 0;
  const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
  CHECK(plan.removed.empty());  // nobody reads it behind the gate, but the sum does
  CHECK(plan.opaque == std::vector<prunus::plan::opaque_node>{{"gate", "gate_by_sum", 4}});
}

TEST_CASE("an operation in which all channels count keeps what it takes and what it makes",
          "[structure][operation]") {
  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.convolution("before", "image", {.out_channels = 4});
  g.node("own", softmax_weighted{{.out_channels = 3}}, {"before"});
  g.convolution("after", "own", {.out_channels = 2});
  random_graph::source random(1);
  const random_graph::network net = random_graph::with_random_weights(g, random);
  for (Index o = 0; o < 3; ++o) net.model["own.weight"].weight(o, 1) = 0;
  for (Index o = 0; o < 2; ++o) net.model["after.weight"].weight(o, 1) = 0;
  CHECK(prunus::plan_removal(net.structure, net.model).removed.empty());
}

TEST_CASE("channels that meet along an axis of a tensor share a coupling, whatever the work",
          "[structure][operation]") {
  for (const prunus::any_operation& op :
       {prunus::any_operation(channel_scale{}),
        prunus::any_operation(transposed_for_free{{.out_channels = 2}})}) {
    CAPTURE(op.kind());
    prunus::graph g;
    g.input("image", {2, 3, 3});
    g.convolution("a", "image", {.out_channels = 3});
    g.convolution("b", "image", {.out_channels = 2});
    g.node("own", op, {g.concat("joined", {"a", "b"})});
    const prunus::network_structure network(g);
    REQUIRE(network.find_coupling("a") == 1);
    CHECK(network.couplings()[1].units == 5);
    CHECK(network.find_coupling("b") == -1);
  }
}

TEST_CASE("a network of user operations is coupled, pruned, planned and compacted",
          "[structure][operation]") {
  const naive::evaluator oracle = taught();
  prunus::graph g;
  g.input("image", {3, 4, 4});
  g.convolution("reduce", "image", {.out_channels = 12});
  g.node("shuffle", channel_shuffle{.groups = 3}, {g.relu("relu1", "reduce")});
  g.convolution("spatial", "shuffle",
                {.out_channels = 12, .kernel = 3, .padding = 1, .groups = 12});
  g.node("expand", transposed_convolution{.out_channels = 8, .bias = false}, {"spatial"});
  g.node("layer_scale", channel_scale{}, {g.relu("relu2", "expand")});
  g.linear("fc", g.global_average_pooling("mean", "layer_scale"), {.out_features = 3});

  const prunus::network_structure network(g);
  CHECK(prunus::explain(network.couplings()[1], 1) ==
        "dropping reduce:1,5,9 also drops spatial:3-5 and expand.in:3-5");
  CHECK(prunus::explain(network.couplings()[2], 7) ==
        "dropping expand:7 also drops layer_scale.gamma:7 and fc.in:7");

  random_graph::source random(4);
  random_graph::network net = random_graph::with_random_weights(g, random);
  prunus::couple(net.model, network);
  prunus::prune(net.model,
                prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::macs_target{network}}, 0.5);
  const prunus::plan plan = prunus::plan_removal(network, net.model);
  CAPTURE(prunus::to_text(plan));
  REQUIRE(plan.is_exact());
  CHECK(plan.after.macs <= plan.before.macs / 2);
  CHECK(plan.opaque.empty());

  const prunus::graph smaller = prunus::compact(network, plan);
  const prunus::named_tensors<double> tensors = prunus::compact(net.model, plan);
  const prunus::resolved_graph resolved = prunus::resolve(smaller);
  const auto& expand = resolved.nodes[resolved.index_of("expand")];
  REQUIRE(expand.operation.as<transposed_convolution>() != nullptr);
  CHECK(expand.shape.channels == expand.operation.as<transposed_convolution>()->out_channels);
  CHECK(tensors["layer_scale.gamma"].values.size() == static_cast<size_t>(expand.shape.channels));
  CHECK(resolved.nodes[resolved.index_of("shuffle")].shape.channels % 3 == 0);
  const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
  const naive::evaluation masked = oracle.evaluate(g, naive::tensors_of(net.model), inputs),
                          compacted = oracle.evaluate(smaller, naive::tensors_of(tensors), inputs);
  CHECK(compacted.macs == plan.after.macs);
  for (size_t i = 0; i < 3; ++i)
    CHECK(std::abs(compacted.of("fc")[i] - masked.of("fc")[i]) < 1e-12);
}

namespace {

/// Asks for a tensor that it does not declare.
struct asks_for_nothing {
  static constexpr std::string_view kind = "asks_for_nothing";

  bool weighs = false;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape> inputs) const {
    return {.shape = inputs[0]};
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  [[nodiscard]] std::vector<channel_value> constants(const prunus::constant_inputs& inputs) const {
    if (weighs) return inputs.weighted();
    static_cast<void>(inputs[prunus::parameter_role::scale]);
    return inputs.anything();
  }
  [[nodiscard]] asks_for_nothing shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const asks_for_nothing&, const asks_for_nothing&) = default;
};

}  // namespace

TEST_CASE("an operation that asks for a tensor which it does not declare is named",
          "[structure][operation]") {
  for (const bool weighs : {false, true}) {
    prunus::graph g;
    g.input("image", {2, 1, 1});
    g.linear("before", "image", {.out_features = 3, .bias = false});
    g.node("asking", asks_for_nothing{weighs}, {"before"});
    std::vector<double> weight(6, 1);
    prunus::model<double> net;
    net.add("before.weight", prunus::view(weight, {3, 2}));
    try {
      static_cast<void>(prunus::plan_removal(g, net));
      FAIL("a plan was made");
    } catch (const prunus::graph_error& refused) {
      CHECK(refused.code() == prunus::errc::bad_node);
      CHECK(std::string(refused.what()).find("asking") != std::string::npos);
    }
  }
}
