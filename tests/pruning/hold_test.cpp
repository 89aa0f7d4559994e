// SPDX-License-Identifier: MIT
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/soft.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using prunus::errc;
using prunus::hold;
using prunus::l1_norm;
using prunus::pass;
using support::code_of;
using support::toy_network;

}  // namespace

TEST_CASE("what was pruned is held at zero by its masks", "[pruning][hold]") {
  for (const prunus::tile tile : {prunus::element, prunus::filter}) {
    toy_network<float> t;
    const prunus::pruned result = prunus::prune(t.net, pass{l1_norm{}, tile}, 0.5);
    const std::vector<float> pruned = t.weights();
    t.train(1);
    std::vector<float> expected = t.weights();
    const std::vector<float> bias = t.conv1_bias;
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (pruned[i] == 0) expected[i] = 0;
    hold(t.net, result.masks);
    CHECK(t.weights() == expected);
    CHECK(t.conv1_bias == bias);
  }
}

TEST_CASE("of a state only what is pruned for good is held", "[pruning][hold]") {
  for (const bool for_good : {true, false}) {
    toy_network<float> t;
    const pass p{l1_norm{}, prunus::element, prunus::uniform{}, prunus::soft{}};
    prunus::pass_state state = p.prepare(t.net);
    p.prune(t.net, state, 1, 0.5);
    state.permanent = for_good;
    t.train(1);
    const std::vector<float> trained = t.weights();
    hold(t.net, state);
    CHECK((t.weights() == trained) != for_good);
    hold(t.net, state.masks());
    CHECK(t.weights() != trained);
  }
}

TEST_CASE("masks that do not fit are refused before anything is written", "[pruning][hold]") {
  toy_network<float> t;
  const prunus::pruned result = prunus::prune(t.net, pass{l1_norm{}, prunus::element}, 0.5);
  t.train(1);
  const std::vector<float> trained = t.weights();
  prunus::named_masks unknown = result.masks, mismatch;
  unknown.add("fc2.weight", result.masks["fc.weight"]);
  mismatch.add("conv1.weight", result.masks["conv1.weight"]);
  mismatch.add("fc.weight", result.masks["conv2.weight"]);
  CHECK(code_of<prunus::argument_error>([&] { hold(t.net, unknown); }) == errc::unknown_name);
  CHECK(code_of<prunus::shape_error>([&] { hold(t.net, mismatch); }) == errc::shape_mismatch);
  CHECK(t.weights() == trained);
}
