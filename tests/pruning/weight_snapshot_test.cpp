// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/weight_snapshot.hpp>
#include <prunus/schedule/one_shot.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::count
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::optimizer_buffers;
using prunus::pass;
using prunus::weight_snapshot;
using support::code_of;
using support::toy_network;

const auto by_weight = pass{prunus::l1_norm{}, prunus::element, prunus::global{}};

}  // namespace

TEMPLATE_TEST_CASE("survivors go back to their early weights and the removed stay zero",
                   "[pruning][weight_snapshot]", float, double) {
  toy_network<TestType> t;
  const auto first = t.weights();
  const weight_snapshot<TestType> early(t.net);
  for (Index step = 0; step < 5; ++step) t.train(step);
  const prunus::pruned result = prunus::prune(t.net, by_weight, 0.5);
  const auto pruned = t.weights();
  early.rewind(t.net, result.masks);
  const auto now = t.weights();
  Index gone = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    REQUIRE(now[i] == (pruned[i] == 0 ? 0 : first[i]));
    gone += now[i] == 0 ? 1 : 0;
  }
  CHECK(gone == 372);  // half of 744: biases are not pruned
  CHECK(std::count(t.momentum.begin(), t.momentum.end(), TestType(0)) ==
        static_cast<Index>(t.momentum.size()));
}

TEST_CASE("buffers of the optimizer are restored when asked for, zero where weights are removed",
          "[pruning][weight_snapshot]") {
  toy_network<float> t;
  const std::vector<float> before = t.momentum;
  const weight_snapshot<float> early(t.net);
  t.train(1);
  std::fill(t.momentum.begin(), t.momentum.end(), 9.0F);
  const prunus::pruned result = prunus::prune(t.net, by_weight, 0.5);
  early.rewind(t.net, result.masks, optimizer_buffers::restore);
  for (std::size_t i = 0; i < before.size(); ++i)
    REQUIRE(t.momentum[i] == (t.conv2[i] == 0 ? 0 : before[i]));
}

TEST_CASE("restore undoes everything", "[pruning][weight_snapshot]") {
  toy_network<float> t;
  const auto weights = t.weights();
  const auto momentum = t.momentum;
  const weight_snapshot<float> all(t.net);
  t.train(1);
  t.momentum.assign(t.momentum.size(), 3.0F);
  (void)prunus::prune(t.net, by_weight, 0.5);
  all.restore(t.net);
  CHECK(t.weights() == weights);
  CHECK(t.momentum == momentum);
}

TEST_CASE("all passes of a scheduler are rewound together", "[pruning][weight_snapshot]") {
  toy_network<float> t;
  const weight_snapshot<float> early(t.net);
  prunus::scheduler s{t.net};
  s.add(prunus::one_shot{.sparsity = 0.3}, by_weight);
  s.add(prunus::one_shot{.sparsity = 0.5},
        pass{prunus::l1_norm{}, prunus::filter}.within({.include = {"conv2*"}}));
  t.train(0);
  s.step({.step = 0});
  early.rewind(t.net, s.states());
  const auto rewound = t.weights();
  s.hold();
  CHECK(t.weights() == rewound);
  CHECK(s.sparsity() > 0.3);
}

TEST_CASE("a saved snapshot is the same to the bit", "[pruning][weight_snapshot][resume]") {
  toy_network<float> t;
  const auto weights = t.weights();
  const weight_snapshot<float> early(t.net);
  prunus::archive_writer out;
  early.save(out);
  t.train(1);
  weight_snapshot<float> loaded(t.net);
  const auto later = t.weights();
  const std::string pieces = support::pieces_of(out.bytes());
  for (std::size_t length = 0; length < pieces.size(); length += 97) {
    const std::string part = support::sealed(pieces.substr(0, length));
    prunus::archive_reader in(part, "snapshot");
    REQUIRE(code_of<prunus::file_error>([&] { loaded.load(in); }) == errc::truncated);
  }
  loaded.restore(t.net);
  CHECK(t.weights() == later);  // unchanged by what failed
  prunus::archive_reader in(out.bytes(), "snapshot");
  loaded.load(in);
  CHECK(in.at_end());
  loaded.restore(t.net);
  CHECK(t.weights() == weights);
}

TEST_CASE("other models are refused and nothing is written", "[pruning][weight_snapshot]") {
  toy_network<float> t;
  const weight_snapshot<float> early(t.net);
  std::vector<float> w(12, 5.0F), v(12);
  const auto code = [&](const prunus::model<float>& net) {
    try {
      early.restore(net);
    } catch (const prunus::error& e) {
      return e.code();
    }
    return errc{};
  };
  prunus::model<float> one;
  one.add("w", prunus::view(w, {3, 4}));
  CHECK(code(one) == errc::unknown_name);

  const weight_snapshot<float> of_one(one);
  prunus::model<float> other_name, other_shape, with_state;
  other_name.add("v", prunus::view(w, {3, 4}));
  other_shape.add("w", prunus::view(w, {4, 3}));
  with_state.add("w", prunus::view(w, {3, 4}), {.state = {prunus::view(v, {3, 4})}});
  w.assign(12, 7.0F);
  CHECK(code_of<prunus::argument_error>([&] { of_one.restore(other_name); }) == errc::unknown_name);
  CHECK(code_of<prunus::shape_error>([&] { of_one.restore(other_shape); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { of_one.restore(with_state); }) == errc::shape_mismatch);
  CHECK(w == std::vector<float>(12, 7.0F));
  of_one.rewind(with_state, prunus::pass_state{});  // zeroing needs no saved buffers
  CHECK(w == std::vector<float>(12, 5.0F));

  prunus::archive_writer out;
  of_one.save(out);
  weight_snapshot<float> big(t.net);
  prunus::archive_reader in(out.bytes(), "snapshot");
  CHECK(code_of<prunus::shape_error>([&] { big.load(in); }) == errc::shape_mismatch);
}
